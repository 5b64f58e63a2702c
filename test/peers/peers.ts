import { spawnSync } from "node:child_process";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";

const BUILD = fileURLToPath(new URL("../../scripts/build-peers.sh", import.meta.url));
/** The script's exit code for a program that WITHOUT_PEERS excludes, or whose sources are unreachable. */
const LEFT_OUT = 3;

/** The path of a program in test/peers/. If it cannot be built the test is skipped and undefined is returned; in CI it fails. */
export function peer(t: TestContext, name: string): string | undefined {
  const { status, stdout, stderr } = spawnSync(BUILD, [name], { encoding: "utf8" });
  if (status === 0) return stdout.trim();
  const reason = `test/peers/${name}: ${stderr.trim()}`;
  if (process.env.CI === "true" && status !== LEFT_OUT) throw new Error(reason);
  t.skip(reason);
  return undefined;
}

/** A peer's answer on standard output to a question on its standard input, both JSON. Undefined as for `peer`. */
export function askPeer<Answer>(
  t: TestContext,
  name: string,
  question: unknown,
  args: readonly string[] = [],
): Answer | undefined {
  const program = peer(t, name);
  if (program === undefined) return undefined;
  const input = JSON.stringify(question);
  const { status, stdout, stderr } = spawnSync(program, args, {
    input,
    encoding: "utf8",
    maxBuffer: 256 * 1024 * 1024,
  });
  if (status !== 0) throw new Error(`test/peers/${name} ended with ${status}: ${stderr}`);
  return JSON.parse(stdout) as Answer;
}
