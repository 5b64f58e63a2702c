import { once } from "node:events";
import { Agent, request } from "node:http";
import { dispatch, load, type MeasuredService, quantile, startBundle, startStandIn, TOKEN } from "./service.ts";

/** CPU per dispatch by transport, compared with the bare parts, and latency at 40 ms per GitHub request. */
const LATENCY_MS = 40;
const WARM_UP = 1000;
/** Few at a time and many turns, so that other work on the machine affects all columns equally. */
const TURNS = 10;
const write = (text: string) => process.stdout.write(`${text}\n`);

const NAMES = ["HTTP/1.1", "TLS, HTTP/1.1", "TLS, HTTP/2"];
const TRANSPORTS = ["http1", "tls", "http2"] as const;
const gitHubs = await Promise.all(TRANSPORTS.map((transport) => startStandIn(0, transport)));
const columns: { name: string; service: MeasuredService }[] = [];
for (const [at, github] of gitHubs.entries()) {
  columns.push({ name: NAMES[at] ?? "", service: await startBundle(github.url, { env: github.env }) });
}
const plain = gitHubs[0] as (typeof gitHubs)[0];
columns.unshift({
  name: "bare parts, HTTP/1.1",
  service: await startBundle(plain.url, { program: ["bench/floor.ts"] }),
});
for (const { service } of columns) await load(service.url, "light", WARM_UP, 32);

write(`| CPU per dispatch, dispatches per second | ${columns.map(({ name }) => name).join(" | ")} |`);
write(`|---|${columns.map(() => "---|").join("")}`);
for (const concurrency of [1, 32, 200]) {
  for (const size of ["light", "heavy"] as const) {
    const cells = columns.map(() => ({ cpu: 0, wall: 0 }));
    const count = concurrency === 1 ? 30 : 100;
    for (let turn = 0; turn < TURNS; turn++) {
      for (const [at, { service }] of columns.entries()) {
        const cell = cells[at] as (typeof cells)[0];
        const before = service.cpuMs();
        const started = performance.now();
        await load(service.url, size, count, concurrency);
        cell.wall += performance.now() - started;
        cell.cpu += service.cpuMs() - before;
      }
    }
    const all = count * TURNS;
    const texts = cells.map(({ cpu, wall }) => `${(cpu / all).toFixed(2)} ms, ${((all / wall) * 1000).toFixed(0)}/s`);
    write(`| ${concurrency} at a time, ${size} | ${texts.join(" | ")} |`);
  }
}
for (const { service } of columns) await service.stop();
for (const github of gitHubs) await github.stop();

const slow = await startStandIn(LATENCY_MS);
const behind = await startBundle(slow.url);
await load(behind.url, "light", 200, 8);
const light: number[] = [];
const heavy: number[] = [];
const trips: number[] = [];
const keepAlive = new Agent({ keepAlive: true });
// They take turns, so that other work on the machine affects all three equally.
for (let at = 0; at < 200; at++) {
  light.push(await dispatch(behind.url, `pr-light-${at}`));
  heavy.push(await dispatch(behind.url, `pr-heavy-${at}`));
  trips.push((await roundTrip(slow.url, keepAlive)) + (await roundTrip(slow.url, keepAlive)));
}
keepAlive.destroy();
write("\n| latency at 40 ms per GitHub request | p50 | p99 | p50 beyond two round trips |\n|---|---|---|---|");
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
