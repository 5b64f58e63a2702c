import type { KubernetesObject } from "../../support/kubectl.ts";

/** An expected value in an object of a kind, at a path such as `spec.ports.0.port`. Undefined: it must be missing. */
export type Found = readonly [kindAndName: string, path: string, value: unknown];

/** Values that are set beside `NEEDED`, and the resulting objects. */
export type Row = { readonly values: Record<string, unknown>; readonly found: readonly Found[] };

export const row = (values: Record<string, unknown>, ...found: Found[]): Row => ({ values, found });

/** Values without a default. */
export const NEEDED = {
  image: { repository: "registry.example.com/gh-runner" },
  settings: { TARGET_REPO: "acme/shop", DEPLOYMENT_REPO: "acme/deployment" },
};

/** Values plus those without a default. A table is merged. */
export function withNeeded(values: Record<string, unknown>): Record<string, unknown> {
  const { image = {}, settings = {} } = values as { image?: object; settings?: object };
  return { ...values, image: { ...NEEDED.image, ...image }, settings: { ...NEEDED.settings, ...settings } };
}

export const POD = "spec.template.spec";
export const MAIN = `${POD}.containers.0`;

/** The labels of every object. */
export const labelsOf = (name: string) => ({
  "app.kubernetes.io/name": name,
  "app.kubernetes.io/instance": "gh-runner",
  "app.kubernetes.io/version": "0.1.0",
  "app.kubernetes.io/managed-by": "Helm",
  "helm.sh/chart": "gh-runner-0.2.0",
});

/** Without a name it is the first object of its kind. A dot within a key is escaped. */
export function findIn(objects: readonly KubernetesObject[], kindAndName: string, path: string): unknown {
  const [kind, name] = kindAndName.split(" ");
  const object = objects.find((each) => each.kind === kind && (name === undefined || each.metadata.name === name));
  const keys = path.split(/(?<!\\)\./).map((key) => key.replaceAll("\\.", "."));
  return keys.reduce((at, key) => at?.[key], object);
}
