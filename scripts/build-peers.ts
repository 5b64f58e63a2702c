import { buildPeer, PEER_NAMES } from "../test/support/peers.ts";

/** Builds all programs of test/peers/, which tests ask. The first time this takes minutes, later nothing. */
for (const name of PEER_NAMES) {
  const from = performance.now();
  buildPeer(name);
  console.log(`${name}: ${((performance.now() - from) / 1000).toFixed(0)} s`);
}
