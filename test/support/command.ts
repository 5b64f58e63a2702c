import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { BARE_ENVIRONMENT } from "./environment.ts";
import { release } from "./release.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

type EndedCommand = { code: number | null; stdout: string; stderr: string };

/** Runs `gh-runner …` as a separate process, with only these settings. */
export function command(args: readonly string[], settings: Record<string, string> = {}): Promise<EndedCommand> {
  const child = start(args, settings);
  child.stdin.end();
  return endOf(child);
}

export type StartedCommand = {
  /** Standard input, which the test writes. */
  readonly child: ChildProcessWithoutNullStreams;
  /** Collects its output until it ends. */
  ended(): Promise<EndedCommand>;
};

/** The same, but returns while it runs. The end of the test stops it. */
export function startCommand(
  t: TestContext,
  args: readonly string[],
  settings: Record<string, string> = {},
): StartedCommand {
  const child = start(args, settings);
  t.after(() => void child.kill("SIGKILL"));
  return { child, ended: () => endOf(child) };
}

function start(args: readonly string[], settings: Record<string, string>): ChildProcessWithoutNullStreams {
  // The release is for servers: it has no stand-in GitHub for `gh-runner dev`.
  const main = args[0] === "dev" ? "src/main.ts" : release();
  const child = spawn(process.execPath, [main, ...args], {
    cwd: ROOT,
    env: { ...BARE_ENVIRONMENT, ...settings },
  });
  // It may end before it has read everything.
  child.stdin.on("error", () => {});
  return child;
}

async function endOf(child: ChildProcessWithoutNullStreams): Promise<EndedCommand> {
  const output = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) {
    child[name].setEncoding("utf8").on("data", (text: string) => {
      output[name] += text;
    });
  }
  const [code] = await once(child, "close");
  return { code, ...output };
}
