import { execFileSync } from "node:child_process";
import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { get } from "node:http";
import { createRequire } from "node:module";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath, pathToFileURL } from "node:url";
import { codeCacheOf, compileScript, sealedCodeCache } from "../src/compile-script.ts";

/**
 * Writes V8's code cache of the release beside it, for the Node that runs this script. It starts the service, and keeps
 * what V8 has compiled when it answers /health. The same release and the same Node give the same bytes. So the process
 * that does this inherits nothing: no settings, no V8 flags, and always the same kinds of output.
 */
const FILE = fileURLToPath(new URL("../dist/service.js", import.meta.url));

/** An emulated processor takes long. */
const READY_MS = 120_000;

/** The maximum of Node's timers, ms. */
const NEVER_MS = 2 ** 31 - 1;

if (process.execArgv.includes("--predictable")) await startAndKeep(Number(process.env.PORT));
else await inOtherProcess();

async function inOtherProcess(): Promise<void> {
  const dataDir = mkdtempSync(join(tmpdir(), "gh-runner-code-cache-"));
  try {
    const settings = { HOST: "127.0.0.1", PORT: String(await freePort()), DATA_DIR: dataDir, LOG_LEVEL: "error" };
    const args = ["--predictable", fileURLToPath(import.meta.url)];
    const repositories = { TARGET_REPO: "acme/shop", DEPLOYMENT_REPO: "acme/deployment" };
    execFileSync(process.execPath, args, {
      env: { ...settings, ...repositories },
      stdio: ["ignore", "ignore", "pipe"],
    });
  } finally {
    rmSync(dataDir, { recursive: true, force: true });
  }
}

async function startAndKeep(port: number): Promise<void> {
  stopTime();
  process.argv.splice(1, Infinity, FILE, "serve");
  const script = compileScript(FILE, { cached: false });
  script.runInThisContext()(createRequire(FILE), { url: pathToFileURL(FILE).href });
  await healthy(port);
  const unfinished = `${codeCacheOf(FILE)}.${process.pid}`;
  writeFileSync(unfinished, sealedCodeCache(FILE, script.createCachedData()));
  renameSync(unfinished, codeCacheOf(FILE));
  process.exit();
}

/** On a slow machine V8 would compile more before /health answers: code of timers, and of waiting work. */
function stopTime(): void {
  const [uptime, now, { setTimeout: rung }] = [process.uptime(), performance.now(), globalThis];
  process.uptime = () => uptime;
  performance.now = () => now;
  const still = (ring: () => void, ms = 0) => rung(ring, ms > 0 ? NEVER_MS : ms).unref();
  Object.assign(globalThis, { setTimeout: still, setInterval: still });
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function healthy(port: number): Promise<void> {
  const end = Date.now() + READY_MS;
  while (!(await isHealthy(port))) {
    if (process.exitCode === 1 || Date.now() > end) throw new Error("dist/service.js does not answer /health");
    await wait(20);
  }
}

function isHealthy(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    get({ host: "127.0.0.1", port, path: "/health", agent: false }, (answer) => {
      answer.resume().on("end", () => resolve(answer.statusCode === 200));
    }).on("error", () => resolve(false));
  });
}
