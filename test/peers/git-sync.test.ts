import { spawn } from "node:child_process";
import { once } from "node:events";
import { it } from "node:test";
import { commitToRunning } from "../support/commit-to-running.ts";
import { peer } from "./peers.ts";

it("with git-sync, a workflow goes from a git commit to running by the documented steps, and a broken commit keeps the version before", {
  timeout: 300_000,
}, async (t) => {
  const program = peer(t, "git-sync");
  if (!program) return;
  await commitToRunning(t, (one, variables) => {
    const env = { PATH: process.env.PATH, GIT_CONFIG_NOSYSTEM: "1", ...variables };
    const child = spawn(program, [], { env, stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding("utf8").on("data", (text) => (output += text));
    const ended = once(child, "close");
    one.after(async () => {
      child.kill("SIGKILL");
      await ended;
      if (!one.passed) one.diagnostic(output);
    });
  });
});
