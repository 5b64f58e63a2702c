import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { ApplicationSet } from "@kubernetes-models/argo-cd/argoproj.io/v1alpha1";
import { Alert, Provider } from "@kubernetes-models/flux-cd/notification.toolkit.fluxcd.io/v1beta3";
import { ServiceMonitor } from "@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1";
import { Deployment, StatefulSet } from "kubernetes-models/apps/v1";
import { NetworkPolicy } from "kubernetes-models/networking.k8s.io/v1";
import { PodDisruptionBudget } from "kubernetes-models/policy/v1";
import { ConfigMap, Namespace, PersistentVolumeClaim, Secret, Service, ServiceAccount } from "kubernetes-models/v1";
import type { KubernetesObject } from "./kubectl.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

type Model = { new (data: never): { validate(): void }; apiVersion: string; kind: string };

/** Where each kind comes from. The packages are generated from Kubernetes' OpenAPI description and the projects' CRDs. */
const MODELS: Readonly<Record<string, readonly Model[]>> = {
  "kubernetes-models/v1": [ConfigMap, Namespace, PersistentVolumeClaim, Secret, Service, ServiceAccount],
  "kubernetes-models/apps/v1": [Deployment, StatefulSet],
  "kubernetes-models/networking.k8s.io/v1": [NetworkPolicy],
  "kubernetes-models/policy/v1": [PodDisruptionBudget],
  "@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1": [ServiceMonitor],
  "@kubernetes-models/flux-cd/notification.toolkit.fluxcd.io/v1beta3": [Alert, Provider],
  "@kubernetes-models/argo-cd/argoproj.io/v1alpha1": [ApplicationSet],
};

/**
 * What Kubernetes' schemas have against objects. Their validators see wrong values and what is missing; their types,
 * read by the compiler, also see fields that there are not, as a cluster does.
 */
export function schemaProblems(objects: readonly KubernetesObject[]): string[] {
  return [...objects.flatMap(valueProblems), ...fieldProblems(objects)];
}

function modelOf({ apiVersion, kind }: KubernetesObject): { module: string; model: Model } | undefined {
  for (const [module, models] of Object.entries(MODELS)) {
    const model = models.find((each) => each.apiVersion === apiVersion && each.kind === kind);
    if (model) return { module, model };
  }
  return undefined;
}

const nameOf = ({ kind, metadata }: KubernetesObject) => `${kind} ${metadata?.name}`;

function valueProblems(object: KubernetesObject): string[] {
  const found = modelOf(object);
  if (!found) return [`${nameOf(object)}: there is no schema for ${object.apiVersion}`];
  try {
    new found.model(object as never).validate();
    return [];
  } catch (error) {
    return [`${nameOf(object)}: ${(error as Error).message}`];
  }
}

function fieldProblems(objects: readonly KubernetesObject[]): string[] {
  const folder = mkdtempSync(`${ROOT}test/.objects-`);
  try {
    const text = objects.flatMap((object) => {
      const found = modelOf(object);
      const json = JSON.stringify(object, null, 1);
      return found ? [`(${json}) satisfies import("${found.module}").I${object.kind};`] : [];
    });
    const file = `${folder}/objects.ts`;
    writeFileSync(file, `${text.join("\n")}\nexport {};\n`);
    const compiler = fileURLToPath(import.meta.resolve("typescript/package.json")).replace("package.json", "bin/tsc");
    const options = ["--ignoreConfig", "--noEmit", "--strict", "--skipLibCheck", "--module", "nodenext", "--types", ""];
    const { status, stdout } = spawnSync(process.execPath, [compiler, ...options, file], {
      cwd: ROOT,
      encoding: "utf8",
    });
    if (status === 0) return [];
    return stdout.split("\n").filter((line) => line.includes("error TS"));
  } finally {
    rmSync(folder, { recursive: true });
  }
}
