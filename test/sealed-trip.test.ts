import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Carried, sealing, TRIP_MS } from "../src/access/sealed-trip.ts";

const NOW = Date.parse("2026-11-29T12:00:00Z");
const SECRET = "client-secret-0123456789abcdef";
const carried: Carried = { state: "s", nonce: "n", verifier: "v", next: "/runs", endsAt: NOW + TRIP_MS };

describe("the data that a browser carries to another service and back", () => {
  const { seal, open } = sealing(SECRET, "oidc");

  it("can be opened by every replica with the same secret, for ten minutes", () => {
    const text = seal(carried);
    assert.deepEqual(sealing(SECRET, "oidc").open(text, NOW), carried);
    assert.deepEqual(open(text, NOW + TRIP_MS - 1), carried);
    assert.equal(open(text, NOW + TRIP_MS), undefined);
  });

  it("cannot be read or changed, or made with another secret or for another method", () => {
    const text = seal(carried);
    assert.notEqual(text, seal(carried));
    assert.doesNotMatch(Buffer.from(text, "base64url").toString("latin1"), /runs|state/);
    for (let at = 0; at < text.length; at += 7) {
      const changed = text.slice(0, at) + (text[at] === "A" ? "B" : "A") + text.slice(at + 1);
      assert.equal(open(changed, NOW), undefined, `character ${at}`);
    }
    assert.equal(sealing("another secret", "oidc").open(text, NOW), undefined);
    assert.equal(sealing(SECRET, "github").open(text, NOW), undefined);
    for (const odd of ["", "a", "ü", text.slice(0, 30), text.slice(0, -4), "A".repeat(4000)])
      assert.equal(open(odd, NOW), undefined, odd);
  });
});
