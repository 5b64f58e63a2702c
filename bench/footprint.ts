import { setTimeout as wait } from "node:timers/promises";
import { IMAGE_OPTIONS, load, quantile, startBundle, startStandIn } from "./service.ts";

/** Time and CPU until the bundle is ready, and its memory when idle and after 2,000 dispatches. */
const STARTS = 9;
const DISPATCHES = 2000;

const github = await startStandIn(0);
process.stdout.write("| what | measured | aim |\n|---|---|---|\n");
await measureStarts();
await measureMemory("", []);
await measureMemory(", with the image's options", IMAGE_OPTIONS);
await github.stop();

async function measureStarts() {
  const starts = [];
  for (let at = 0; at < STARTS; at++) {
    const service = await startBundle(github.url, { env: { LOG_LEVEL: "warn" } });
    starts.push(service);
    await service.stop();
  }
  const seconds = (values: number[]) => `${(quantile(values, 0.5) / 1000).toFixed(2)} s`;
  row(`ready (median of ${STARTS})`, seconds(starts.map(({ readyMs }) => readyMs)), "0.2 s");
  row("CPU to ready", seconds(starts.map(({ readyCpuMs }) => readyCpuMs)), "0.12 s");
}

async function measureMemory(how: string, nodeOptions: readonly string[]) {
  const service = await startBundle(github.url, { nodeOptions, env: { LOG_LEVEL: "warn" } });
  await wait(2000);
  const idle = service.memory();
  await load(service.url, "light", DISPATCHES, 32);
  await wait(1000);
  const after = service.memory();
  const megabytes = (value: number) => `${value.toFixed(1)} MB`;
  row(`private memory, idle${how}`, megabytes(idle.privateDirty), how && "24 MB");
  row(`resident memory, idle${how}`, megabytes(idle.resident), "");
  row(`private memory after ${DISPATCHES} dispatches${how}`, megabytes(after.privateDirty), how && "128 MB");
  row(`resident memory at its peak${how}`, megabytes(after.peak), "");
  await service.stop();
}

function row(name: string, value: string, aim: string): void {
  process.stdout.write(`| ${name} | ${value} | ${aim} |\n`);
}
