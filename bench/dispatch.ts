import { once } from "node:events";
import { Agent, request } from "node:http";
import { dispatch, load, quantile, startBundle, startStandIn, TOKEN } from "./service.ts";

/** CPU a dispatch, and its latency at 40 ms a GitHub request, for light and heavy applications. */
const LATENCY_MS = 40;
const WARM_UP = 1000;
const write = (text: string) => process.stdout.write(`${text}\n`);

write("| CPU a dispatch, dispatches a second | light | heavy |\n|---|---|---|");
const quick = await startStandIn(0);
const service = await startBundle(quick.url);
await load(service.url, "light", WARM_UP, 32);
for (const concurrency of [1, 32, 200]) {
  const cells = [];
  for (const size of ["light", "heavy"] as const) {
    const count = concurrency === 1 ? 1500 : 4000;
    const before = service.cpuMs();
    const started = performance.now();
    await load(service.url, size, count, concurrency);
    const rate = (count / (performance.now() - started)) * 1000;
    cells.push(`${((service.cpuMs() - before) / count).toFixed(2)} ms, ${rate.toFixed(0)}/s`);
  }
  write(`| ${concurrency} at once | ${cells.join(" | ")} |`);
}
await service.stop();
await quick.stop();

const slow = await startStandIn(LATENCY_MS);
const behind = await startBundle(slow.url);
await load(behind.url, "light", 200, 8);
const light: number[] = [];
const heavy: number[] = [];
const trips: number[] = [];
const keepAlive = new Agent({ keepAlive: true });
// Taken in turns, so that what else the machine does meets all three alike.
for (let at = 0; at < 200; at++) {
  light.push(await dispatch(behind.url, `pr-light-${at}`));
  heavy.push(await dispatch(behind.url, `pr-heavy-${at}`));
  trips.push((await roundTrip(slow.url, keepAlive)) + (await roundTrip(slow.url, keepAlive)));
}
keepAlive.destroy();
write("\n| latency at 40 ms a GitHub request | p50 | p99 | p50 beyond two round trips |\n|---|---|---|---|");
const base = quantile(trips, 0.5);
for (const [name, values] of [
  ["two round trips, nothing else", trips],
  ["light", light],
  ["heavy", heavy],
] as const) {
  const [p50, p99] = [quantile(values, 0.5), quantile(values, 0.99)];
  write(`| ${name} | ${p50.toFixed(1)} ms | ${p99.toFixed(1)} ms | ${(p50 - base).toFixed(1)} ms |`);
}
await behind.stop();
await slow.stop();

async function roundTrip(url: string, agent: Agent): Promise<number> {
  const started = performance.now();
  const outgoing = request(`${url}/repos/acme/shop`, {
    agent,
    headers: { authorization: `Bearer ${TOKEN}`, "user-agent": "bench" },
  });
  outgoing.end();
  const [incoming] = await once(outgoing, "response");
  incoming.resume();
  await once(incoming, "end");
  return performance.now() - started;
}
