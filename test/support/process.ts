import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { request } from "node:http";
import { connect } from "node:net";
import type { TestContext } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";

export { fixedPort } from "./port.ts";

import { BARE_ENVIRONMENT } from "./environment.ts";
import { release } from "./release.ts";
import { DEPLOYMENT, TARGET, TOKEN } from "./service.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

export type ServiceProcess = {
  readonly child: ChildProcess;
  /** Everything it wrote to stdout and stderr. */
  readonly output: () => string;
  /** Exit code, or the signal that ended it. */
  readonly ended: Promise<number | string | null>;
  /** Kills it with SIGKILL, and resolves when it is gone. */
  kill(): Promise<void>;
  /** Sends SIGTERM. */
  stop(): void;
};

/** The service as a separate process: by default the command of the release. The end of the test stops it. */
export function spawnService(
  t: TestContext,
  {
    port,
    dataDir,
    githubUrl,
    command = [release(), "serve"],
    settings = {},
  }: {
    port: number;
    dataDir: string;
    githubUrl: string;
    command?: readonly string[];
    settings?: Record<string, string>;
  },
): ServiceProcess {
  const child = spawn(process.execPath, command, {
    cwd: ROOT,
    env: {
      ...(command.includes("src/main.ts") ? BARE_ENVIRONMENT : { PATH: process.env.PATH }),
      HOST: "127.0.0.1",
      PORT: String(port),
      DATA_DIR: dataDir,
      LOG_LEVEL: "warn",
      GITHUB_API_URL: githubUrl,
      GITHUB_TOKEN: TOKEN,
      DEPLOYMENT_REPO: DEPLOYMENT,
      TARGET_REPO: TARGET,
      ...settings,
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  t.after(() => void child.kill("SIGKILL"));
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
  }
  const ended = once(child, "close").then(([code, signal]) => code ?? signal);
  return {
    child,
    output: () => output,
    ended,
    async kill() {
      child.kill("SIGKILL");
      await ended;
    },
    stop: () => void child.kill("SIGTERM"),
  };
}

/** Resolves once the service accepts connections. Rejects when it ended instead, or after a minute. */
export async function listening(service: Pick<ServiceProcess, "child" | "output">, port: number): Promise<void> {
  const end = performance.now() + 60_000;
  for (;;) {
    const { exitCode, signalCode } = service.child;
    if (exitCode !== null || signalCode !== null) throw new Error(`the service ended: ${service.output()}`);
    if (performance.now() > end) throw new Error(`the service does not listen: ${service.output()}`);
    const socket = connect({ port, host: "127.0.0.1" });
    const open = await once(socket, "connect").then(
      () => true,
      () => false,
    );
    socket.destroy();
    if (open) return;
    await wait(5);
  }
}

export type Heard = { readonly status: number; readonly run: string | undefined; readonly text: string };

/**
 * One POST /dispatch. It retries while no process listens, because nothing was handed over yet. Undefined when the
 * connection broke: then the caller cannot know whether the service accepted the event.
 */
export async function dispatchTo(
  port: number,
  body: Readonly<Record<string, string>>,
  headers: Readonly<Record<string, string>> = {},
): Promise<Heard | undefined> {
  for (;;) {
    const heard = await dispatchOnce(port, body, headers);
    if (heard !== "not listening") return heard;
    await wait(5);
  }
}

/** One POST /dispatch to a port on which perhaps no process listens. */
export function dispatchOnce(
  port: number,
  event: Readonly<Record<string, string>>,
  headers: Readonly<Record<string, string>> = {},
): Promise<Heard | undefined | "not listening"> {
  const body = JSON.stringify(event);
  return new Promise((resolve) => {
    const outgoing = request({
      host: "127.0.0.1",
      port,
      path: "/dispatch",
      method: "POST",
      agent: false,
      headers: { ...headers, "content-length": Buffer.byteLength(body) },
    });
    const broken = (error: NodeJS.ErrnoException) =>
      resolve(error.code === "ECONNREFUSED" ? "not listening" : undefined);
    outgoing.on("error", broken).on("response", (incoming) => {
      let text = "";
      const run = incoming.headers["x-run-id"] as string | undefined;
      incoming
        .setEncoding("utf8")
        .on("data", (part: string) => {
          text += part;
        })
        .on("end", () => resolve({ status: incoming.statusCode!, run, text }))
        .on("error", () => resolve(undefined));
    });
    outgoing.end(body);
  });
}

/** Checks every 20 ms until it holds. Fails after this time. */
export async function eventually(
  what: string,
  milliseconds: number,
  holds: () => boolean | Promise<boolean>,
): Promise<void> {
  const end = performance.now() + milliseconds;
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`waited ${milliseconds} ms without success until ${what}`);
    await wait(20);
  }
}
