import { setTimeout as wait } from "node:timers/promises";
import { load, quantile, startBundle, startStandIn } from "./service.ts";

/** Time and CPU until the bundle is ready, and its memory idle and after 2,000 dispatches. */
const STARTS = 9;
const DISPATCHES = 2000;

const github = await startStandIn(0);
const starts = [];
for (let at = 0; at < STARTS; at++) {
  const service = await startBundle(github.url, { env: { LOG_LEVEL: "warn" } });
  starts.push(service);
  await service.stop();
}
const row = (name: string, value: number, unit: string, aim: string) =>
  process.stdout.write(`| ${name} | ${value.toFixed(unit === "s" ? 2 : 1)} ${unit} | ${aim} |\n`);

process.stdout.write("| what | measured | aim |\n|---|---|---|\n");
row(
  `ready (median of ${STARTS})`,
  quantile(
    starts.map(({ readyMs }) => readyMs),
    0.5,
  ) / 1000,
  "s",
  "0.25 s",
);
row(
  "CPU to ready",
  quantile(
    starts.map(({ readyCpuMs }) => readyCpuMs),
    0.5,
  ) / 1000,
  "s",
  "0.3 s",
);

const service = await startBundle(github.url, { env: { LOG_LEVEL: "warn" } });
await wait(2000);
const idle = service.memory();
await load(service.url, "light", DISPATCHES, 32);
await wait(1000);
const after = service.memory();
row("private memory, idle", idle.privateDirty, "MB", "40 MB");
row("resident memory, idle", idle.resident, "MB", "");
row(`private memory after ${DISPATCHES} dispatches`, after.privateDirty, "MB", "");
row("resident memory then", after.resident, "MB", "");
row("its peak", after.peak, "MB", "128 MB");
await service.stop();
await github.stop();
