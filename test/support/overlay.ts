import { cpSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { temporaryFolder } from "./folder.ts";
import { type KubernetesObject, kustomize } from "./kubectl.ts";

const DEPLOY = fileURLToPath(new URL("../../deploy", import.meta.url));

/** Components of which an overlay takes one: where the workflows come from. */
export const WORKFLOW_SOURCES = ["workflows-configmap", "workflows-git", "workflows-image", "workflows-oci"] as const;

/** An overlay of deploy/kubernetes with components, as a user would write it: all that can be combined, or some. */
export function withComponents(
  t: TestContext,
  overlay: string,
  components: readonly string[] = withoutChoice(overlay),
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

/** All that can be combined: each store has its backup. */
function withoutChoice(overlay: string): readonly string[] {
  const other = overlay === "sqlite" ? "backup-postgres" : "backup";
  const choices = new RegExp(`^(workflows-.*|http-route|ingress|${other})$`);
  return readdirSync(`${DEPLOY}/kubernetes/components`).filter((name) => !choices.test(name));
}
