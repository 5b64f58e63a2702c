import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { once } from "node:events";
import { createWriteStream, writeFileSync } from "node:fs";
import { request } from "node:https";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { temporaryFolder } from "../support/folder.ts";
import { type KubernetesObject, tool } from "../support/kubectl.ts";
import { eventually, fixedPort } from "../support/process.ts";
import { peer } from "./peers.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const TOKEN = "administrator-of-this-test";

export type ApiServer = {
  readonly kubeconfig: string;
  /** A folder with the ConfigMap and the Secret of ArgoCD's install.yaml, without data. */
  readonly installation: string;
  /** Runs commands in a shell whose kubectl uses this server. Resolves with their output. */
  shell(commands: string, input?: string): Promise<{ stdout: string; stderr: string }>;
};

/**
 * A real Kubernetes API server with an etcd, on loopback, without nodes and controllers. It ends with the test. It has the
 * CRDs of ArgoCD, Flux and the Prometheus operator, and all their namespaces. Undefined where it cannot be built or kubectl
 * is missing, and the test is skipped.
 */
export async function startApiServer(t: TestContext): Promise<ApiServer | undefined> {
  const [program, manifests] = [peer(t, "kubernetes"), peer(t, "crds")];
  if (!program || !manifests || tool(t, "kubectl", ["version", "--client"]) === undefined) return undefined;
  const folder = temporaryFolder(t);
  const file = (name: string, text: string) => {
    writeFileSync(join(folder, name), text, { mode: 0o600 });
    return join(folder, name);
  };
  const start = (name: string, args: readonly string[]) => {
    const child = spawn(program, [name, ...args], { stdio: ["ignore", "pipe", "pipe"] });
    const log = createWriteStream(join(folder, `${name}.log`));
    child.stdout.pipe(log);
    child.stderr.pipe(log);
    const ended = once(child, "close");
    t.after(async () => {
      child.kill("SIGKILL");
      await ended;
    });
  };

  const [clients, peers, port] = [await fixedPort(), await fixedPort(), await fixedPort()];
  start("etcd", [
    `--data-dir=${join(folder, "etcd")}`,
    "--unsafe-no-fsync",
    `--listen-client-urls=http://127.0.0.1:${clients}`,
    `--advertise-client-urls=http://127.0.0.1:${clients}`,
    `--listen-peer-urls=http://127.0.0.1:${peers}`,
    `--initial-advertise-peer-urls=http://127.0.0.1:${peers}`,
    `--initial-cluster=default=http://127.0.0.1:${peers}`,
  ]);
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const accounts = file("accounts.pem", String(privateKey.export({ type: "pkcs8", format: "pem" })));
  start("kube-apiserver", [
    `--etcd-servers=http://127.0.0.1:${clients}`,
    "--bind-address=127.0.0.1",
    `--secure-port=${port}`,
    `--cert-dir=${join(folder, "certificates")}`,
    `--token-auth-file=${file("tokens.csv", `${TOKEN},administrator,1,system:masters\n`)}`,
    "--authorization-mode=RBAC",
    // On by default since Kubernetes 1.35.
    "--feature-gates=ImageVolume=true",
    "--service-account-issuer=https://kubernetes.default.svc",
    `--service-account-key-file=${accounts}`,
    `--service-account-signing-key-file=${accounts}`,
    "--service-cluster-ip-range=10.0.0.0/24",
  ]);
  await eventually("the API server is ready", 60_000, () => isReady(port));

  const config = {
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "test", cluster: { server: `https://127.0.0.1:${port}`, "insecure-skip-tls-verify": true } }],
    users: [{ name: "test", user: { token: TOKEN } }],
    contexts: [{ name: "test", context: { cluster: "test", user: "test" } }],
    "current-context": "test",
  };
  const kubeconfig = file("config", JSON.stringify(config));
  const env = { PATH: process.env.PATH, HOME: folder, KUBECONFIG: kubeconfig };
  const shell: ApiServer["shell"] = (commands, input = "") => {
    const running = promisify(execFile)("sh", ["-eu", "-c", commands], { cwd: ROOT, env });
    // It may end before it has read everything.
    running.child.stdin?.on("error", () => {}).end(input);
    return running;
  };
  await shell(`kubectl apply --server-side -f ${manifests}`);
  // A CRD has no conditions at first, and `wait` would fail.
  await shell("until kubectl wait --for=condition=Established crd --all 2>/dev/null; do sleep 0.2; done");
  await shell("kubectl apply -f deploy/kubernetes/base/namespace.yaml");
  for (const namespace of ["argocd", "flux-system"]) await shell(`kubectl create namespace ${namespace}`);
  return { kubeconfig, installation: `${manifests}/argocd`, shell };
}

async function isReady(port: number): Promise<boolean> {
  // It creates and signs its certificate at the start.
  const asked = request({
    port,
    host: "127.0.0.1",
    path: "/readyz",
    rejectUnauthorized: false,
    headers: { authorization: `Bearer ${TOKEN}` },
  });
  asked.end();
  return once(asked, "response").then(
    ([response]) => response.resume().statusCode === 200,
    () => false,
  );
}

/** A pod of a workload, in its namespace. */
export function podOf(objects: readonly KubernetesObject[]): KubernetesObject {
  const workload = objects.find(({ kind }) => /^(StatefulSet|Deployment)$/.test(kind)) ?? assert.fail();
  const { metadata, spec } = workload.spec.template;
  // The controller of a StatefulSet would add its volumes.
  const claimed = (workload.spec.volumeClaimTemplates ?? []).map(({ metadata: { name } }: KubernetesObject) => ({
    name,
    persistentVolumeClaim: { claimName: `${name}-gh-runner-0` },
  }));
  const volumes = [...(spec.volumes ?? []), ...claimed];
  const named = { ...metadata, name: "tried", namespace: workload.metadata.namespace };
  return { apiVersion: "v1", kind: "Pod", metadata: named, spec: { ...spec, volumes } };
}
