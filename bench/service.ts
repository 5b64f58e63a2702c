import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { type Agent, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { fixedPort } from "../test/support/port.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

/** The bundled service as a separate process, with a separate folder. */
export type MeasuredService = {
  readonly url: string;
  readonly pid: number;
  /** CPU time used so far, user and system, in ms, including ended children. */
  cpuMs(): number;
  /**
   * Memory in MB. `privateDirty` is what only this process has written. `resident` is everything that it has in memory.
   */
  memory(): { privateDirty: number; privateClean: number; resident: number; peak: number };
  stop(): Promise<void>;
};

/** How the container image starts Node, for a limit of 128 MiB. Read from the Dockerfile of a checkout. */
export function imageOf(root: string): {
  readonly nodeOptions: readonly string[];
  readonly env: Readonly<Record<string, string>>;
} {
  const file = readFileSync(join(root, "Dockerfile"), "utf8").replaceAll("\\\n", " ");
  const inDist = (text: string) => text.replaceAll("/app/", `${join(root, "dist")}/`);
  const settings = [...file.matchAll(/^ENV (.*)$/gm)].flatMap(([, line = ""]) => [
    ...line.matchAll(/(\w+)=(?:"([^"]*)"|(\S+))/g),
  ]);
  const env = Object.fromEntries(
    settings.map(([, name = "", quoted, plain]) => [name, inDist(quoted ?? plain ?? "")] as const),
  );
  const { NODE_OPTIONS = "", PATH: _, DATA_DIR: __, SQLITE_TMPDIR: ___, ...others } = env;
  const entry = JSON.parse(/^ENTRYPOINT (\[.*\])$/m.exec(file)?.[1] ?? "[]") as string[];
  return { nodeOptions: [...NODE_OPTIONS.split(" "), ...entry.slice(1, -1).map(inDist)], env: others };
}

const IMAGE = imageOf(ROOT);
/** The image's options for Node, which limit its heap. */
export const IMAGE_OPTIONS = IMAGE.nodeOptions;
/** The image's other settings, such as those of malloc. */
export const IMAGE_ENV = IMAGE.env;

export const TOKEN = "bench-token-0123456789";

/** Started processes end with a bench that fails. */
const running = new Set<ChildProcess>();
process.once("exit", () => {
  for (const child of running) child.kill();
});

/**
 * Starts `dist/gh-runner.js serve`, or another program with the same settings. Resolves at its first 200 of /health.
 */
export async function startBundle(
  gitHubUrl: string,
  {
    nodeOptions = [],
    env = {},
    program = ["dist/gh-runner.js", "serve"],
    command,
  }: {
    nodeOptions?: readonly string[];
    env?: Record<string, string>;
    program?: readonly string[];
    /** A program other than Node. It gets the same settings, and answers /health and /dispatch. */
    command?: (port: number) => readonly string[];
  } = {},
): Promise<MeasuredService & { readyMs: number; readyCpuMs: number }> {
  const folder = mkdtempSync(join(tmpdir(), "gh-runner-bench-"));
  const port = await fixedPort();
  const url = `http://127.0.0.1:${port}`;
  const started = performance.now();
  const [file = "", ...args] = command?.(port) ?? [process.execPath, ...nodeOptions, ...program];
  const child = spawn(file, args, {
    cwd: ROOT,
    // Others log there what gh-runner logs to standard output.
    stdio: ["ignore", "ignore", command ? "ignore" : "inherit"],
    env: {
      PATH: process.env.PATH,
      PORT: String(port),
      HOST: "127.0.0.1",
      DATA_DIR: folder,
      GITHUB_API_URL: gitHubUrl,
      GITHUB_TOKEN: TOKEN,
      DEPLOYMENT_REPO: "acme/deployment",
      TARGET_REPO: "acme/shop",
      ...env,
    },
  });
  running.add(child);
  const pid = child.pid as number;
  while (!(await answers(url))) {
    if (child.exitCode !== null || performance.now() - started > 20_000) throw new Error("the service did not start");
  }
  return {
    url,
    pid,
    readyMs: performance.now() - started,
    readyCpuMs: cpuOf(pid),
    cpuMs: () => cpuOf(pid),
    memory: () => memoryOf(pid),
    async stop() {
      await ended(child);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** How the service reaches GitHub: plain HTTP/1.1, or TLS with HTTP/1.1 or HTTP/2. */
export type Transport = "http1" | "tls" | "http2";

export type MeasuredGitHub = {
  readonly url: string;
  /** The environment that a process needs to trust it. */
  readonly env: Record<string, string>;
  /** Behind this proxy, raw.githubusercontent.com has the same files. */
  readonly rawProxy: string;
  stop(): Promise<void>;
};

/** Starts the stand-in GitHub as a separate process. */
export async function startStandIn(latencyMs: number, transport: Transport = "http1"): Promise<MeasuredGitHub> {
  const child = spawn(process.execPath, ["bench/stand-in.ts", String(latencyMs), transport], {
    cwd: ROOT,
    stdio: ["ignore", "pipe", "inherit"],
  });
  running.add(child);
  const [line] = await once(child.stdout, "data");
  const { url, authority, rawProxy } = JSON.parse(String(line)) as { url: string; authority: string; rawProxy: string };
  const folder = mkdtempSync(join(tmpdir(), "gh-runner-bench-"));
  writeFileSync(join(folder, "authority.pem"), authority);
  return {
    url,
    rawProxy,
    env: { NODE_EXTRA_CA_CERTS: join(folder, "authority.pem") },
    async stop() {
      await ended(child);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Sends one notification on a new connection, as ArgoCD does. Resolves with its latency in ms. */
export async function dispatch(
  url: string,
  application: string,
  { agent = false, accepted = [200] }: { agent?: Agent | false; accepted?: readonly number[] } = {},
): Promise<number> {
  const body = JSON.stringify({ application });
  const started = performance.now();
  const outgoing = request(`${url}/dispatch`, {
    method: "POST",
    agent,
    headers: { "content-type": "application/json", "content-length": Buffer.byteLength(body) },
  });
  outgoing.end(body);
  const [incoming] = await once(outgoing, "response");
  incoming.resume();
  await once(incoming, "end");
  if (!accepted.includes(incoming.statusCode)) throw new Error(`${application} was answered ${incoming.statusCode}`);
  return performance.now() - started;
}

/**
 * Sends `count` notifications, `concurrency` at a time. Resolves with their latencies in ms. `both` is half and half.
 */
export async function load(
  url: string,
  size: "light" | "heavy" | "both",
  count: number,
  concurrency: number,
): Promise<number[]> {
  const latencies: number[] = [];
  let next = 0;
  const one = async () => {
    while (next < count) {
      const at = next++;
      const of = size === "both" ? (at % 2 === 0 ? "light" : "heavy") : size;
      latencies.push(await dispatch(url, `pr-${of}-${at % APPLICATIONS}`));
    }
  };
  await Promise.all(Array.from({ length: concurrency }, one));
  return latencies;
}

/** How many applications of each size the stand-in has: more than ever run at the same time. */
export const APPLICATIONS = 400;

export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}

async function answers(url: string): Promise<boolean> {
  try {
    const outgoing = request(`${url}/health`, { agent: false });
    outgoing.end();
    const [incoming] = await once(outgoing, "response");
    incoming.resume();
    return incoming.statusCode === 200;
  } catch {
    return false;
  }
}

async function ended(child: ChildProcess): Promise<void> {
  running.delete(child);
  if (child.exitCode !== null) return;
  child.kill("SIGTERM");
  await once(child, "exit");
}

/**
 * The first number of https://docs.kernel.org/scheduler/sched-stats.html#proc-pid-schedstat, of every thread, in ns.
 */
function cpuOf(pid: number): number {
  const threads = readdirSync(`/proc/${pid}/task`);
  const spent = threads.map((thread) =>
    Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "utf8").split(" ")[0]),
  );
  return spent.reduce((sum, each) => sum + each, 0) / 1e6 + cpuOfChildren(pid);
}

/**
 * `cutime` and `cstime` of https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html, in ms, counted in hundredths of
 * a second.
 */
export function cpuOfChildren(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[13]) + Number(fields[14])) * 10;
}

function memoryOf(pid: number) {
  const sums = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const megabytes = (text: string, name: string) =>
    Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(text)?.[1]) / 1024;
  return {
    privateDirty: megabytes(sums, "Private_Dirty"),
    privateClean: megabytes(sums, "Private_Clean"),
    resident: megabytes(sums, "Rss"),
    peak: megabytes(status, "VmHWM"),
  };
}
