import { cpSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { temporaryFolder } from "./folder.ts";
import { type KubernetesObject, kustomize } from "./kubectl.ts";

const DEPLOY = fileURLToPath(new URL("../../deploy", import.meta.url));

/** An overlay of deploy/kubernetes with components, all of them or some, as an overlay of one's own would take them. */
export function withComponents(
  t: TestContext,
  overlay: string,
  components: readonly string[] = readdirSync(`${DEPLOY}/kubernetes/components`),
): KubernetesObject[] | undefined {
  const folder = temporaryFolder(t);
  cpSync(DEPLOY, `${folder}/deploy`, { recursive: true });
  const mine = `${folder}/deploy/kubernetes/mine`;
  mkdirSync(mine, { recursive: true });
  const kustomization = {
    namespace: "gh-runner",
    resources: [`../overlays/${overlay}`],
    components: components.map((name) => `../components/${name}`),
  };
  writeFileSync(`${mine}/kustomization.yaml`, JSON.stringify(kustomization));
  return kustomize(t, mine);
}
