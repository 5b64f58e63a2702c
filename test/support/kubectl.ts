import { spawnSync } from "node:child_process";
import type { TestContext } from "node:test";
import { loadAll } from "js-yaml";

/** An object of Kubernetes, as it would be sent to a cluster. Tests read any part of it. */
// biome-ignore lint/suspicious/noExplicitAny: its shape is what the tests are about
export type KubernetesObject = any;

export const objectsIn = (text: string) => (loadAll(text) as KubernetesObject[]).filter(Boolean);

/**
 * What `kubectl kustomize` renders from a folder. Without kubectl the test is skipped; in CI it fails.
 */
export function kustomize(t: TestContext, folder: string): KubernetesObject[] | undefined {
  const text = tool(t, "kubectl", ["kustomize", folder]);
  return text === undefined ? undefined : objectsIn(text);
}

/** The output of a program that cluster operators use. Undefined when it is missing, and the test is skipped. */
export function tool(t: TestContext, program: string, args: readonly string[]): string | undefined {
  const { error, status, stdout, stderr } = spawnSync(program, args, { encoding: "utf8" });
  if (!error) {
    if (status !== 0) throw new Error(`${program} ${args.join(" ")} ended with ${status}: ${stderr}`);
    return stdout;
  }
  const missing = `${program} is missing: scripts/cluster-tools.sh installs it`;
  if (process.env.CI === "true") throw new Error(missing, { cause: error });
  t.skip(missing);
  return undefined;
}
