import { spawnSync } from "node:child_process";
import type { TestContext } from "node:test";

/**
 * Runs `promtool` from Debian's package `prometheus`. Without it the test is skipped; in CI it
 * fails.
 */
export function promtool(
  t: TestContext,
  args: readonly string[],
  input = "",
): { code: number | null; output: string } | undefined {
  const { error, status, stdout, stderr } = spawnSync("promtool", args, { input, encoding: "utf8" });
  if (!error) return { code: status, output: stdout + stderr };
  if (process.env.CI === "true") throw new Error("promtool is missing: apt-get install prometheus", { cause: error });
  t.skip("promtool is missing: apt-get install prometheus");
  return undefined;
}
