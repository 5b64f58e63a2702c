import { cpSync, readFileSync, writeFileSync } from "node:fs";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { temporaryFolder } from "../support/folder.ts";
import type { KubernetesObject } from "../support/kubectl.ts";
import type { ApiServer } from "./api-server.ts";
import { synced } from "./applications.ts";

const DEPLOY = fileURLToPath(new URL("../../deploy", import.meta.url));

type Call = { readonly program: string; readonly args: readonly string[] };

export type ClusterAfter = {
  /** Every command, in order. */
  readonly calls: readonly Call[];
  /** The objects in the cluster. The data of Secrets is plain text. */
  readonly objects: readonly KubernetesObject[];
  find(kind: string, namespace: string, name: string): KubernetesObject | undefined;
};

/** docker, curl and commands that need a pod are only recorded. */
const STAND_INS = `
note() { printf '%s\\037' "$@" >> calls; printf '\\036' >> calls; }
docker() { note docker "$@"; }
curl() { note curl "$@"; }
kubectl() {
  note kubectl "$@"
  case " $* " in *" rollout "* | *" exec "* | *" port-forward "*) ;; *) command kubectl "$@" ;; esac
}
`;

const KINDS = "statefulset,deployment,poddisruptionbudget,service,serviceaccount,networkpolicy,configmap,secret"
  .concat(",servicemonitor.monitoring.coreos.com,provider.notification.toolkit.fluxcd.io")
  .concat(",alert.notification.toolkit.fluxcd.io,application.argoproj.io");

/**
 * Runs the commands of a document in a copy of deploy/, on a cluster with ArgoCD and its application pr-1234. The cluster has
 * nothing of gh-runner except its namespace.
 */
export async function follow(
  t: TestContext,
  { shell, installation }: ApiServer,
  script: string,
): Promise<ClusterAfter> {
  const application = { ...synced("pr-1234"), metadata: { name: "pr-1234" } };
  for (const namespace of ["gh-runner", "argocd", "flux-system"]) {
    await shell(`kubectl -n ${namespace} delete ${KINDS} --all --wait=false`);
  }
  await shell(`kubectl -n argocd apply -f ${installation} -f -`, JSON.stringify(application));
  const folder = temporaryFolder(t);
  cpSync(DEPLOY, `${folder}/deploy`, { recursive: true });
  writeFileSync(`${folder}/github-token.txt`, "github_pat_of_the_reader\n");
  writeFileSync(`${folder}/my-app.private-key.pem`, "the App's key\n");
  writeFileSync(`${folder}/calls`, "");
  writeFileSync(`${folder}/script.sh`, `${STAND_INS}\n${script}\nwait\n`);
  await shell(`cd ${folder}; CALLER_TOKEN=of-the-shell-before bash -euo pipefail script.sh`);

  const calls = readFileSync(`${folder}/calls`, "utf8")
    .split("\x1e")
    .slice(0, -1)
    .map((call) => call.split("\x1f").slice(0, -1))
    .map(([program = "", ...args]) => ({ program, args }));
  const { stdout } = await shell(`kubectl get ${KINDS} -A -o json`);
  const objects: KubernetesObject[] = JSON.parse(stdout).items;
  for (const { kind, data } of objects) {
    if (kind === "Secret") for (const key of Object.keys(data ?? {})) data[key] = atob(data[key]);
  }
  const find: ClusterAfter["find"] = (kind, namespace, name) =>
    objects.find((each) => each.kind === kind && each.metadata.namespace === namespace && each.metadata.name === name);
  return { calls, objects, find };
}
