import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { documentOf } from "../support/documents.ts";
import { type KubernetesObject, objectsIn } from "../support/kubectl.ts";
import { deploy, send, startService } from "../support/service.ts";
import { startApiServer } from "./api-server.ts";
import { type ClusterAfter, follow } from "./cluster-script.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const kubernetes = documentOf("docs/kubernetes.md");

const scriptOf = (text: string, from: string, to: string) => {
  const section = text.slice(text.indexOf(`\n${from}\n`), text.indexOf(`\n${to}\n`));
  return [...section.matchAll(/^```bash\n([\s\S]*?)^```$/gm)].map(([, block = ""]) => block).join("\n");
};
const INSTALL = scriptOf(kubernetes.text, "## Install", "## With ArgoCD");
const ARGOCD = scriptOf(kubernetes.text, "## With ArgoCD", "### Keep the keys through ArgoCD's upgrades");
const FLUX = scriptOf(kubernetes.text, "## With Flux", "## What is in deploy");
const TEN_MINUTES = [INSTALL, ARGOCD, FLUX].join("\n");

const workloadIn = ({ objects }: ClusterAfter): KubernetesObject =>
  objects.find(({ kind }) => /^(StatefulSet|Deployment)$/.test(kind)) ?? assert.fail("nothing runs");
const secretsOf = (cluster: ClusterAfter) => cluster.find("Secret", "gh-runner", "gh-runner")?.data ?? {};

/** Everything that an object in the cluster names must be in the cluster. */
function nothingIsMissing(cluster: ClusterAfter) {
  const keys = Object.keys(secretsOf(cluster));
  const [container] = workloadIn(cluster).spec.template.spec.containers;
  const files = container.env.filter(({ name }: { name: string }) => name.endsWith("_FILE"));
  assert.ok(files.length >= 2);
  for (const { name, value } of files) assert.ok(keys.includes(value.slice(value.lastIndexOf("/") + 1)), name);
  for (const { kind, metadata, spec, data } of cluster.objects) {
    if (kind === "Provider") {
      assert.ok(cluster.find("Secret", metadata.namespace, spec.secretRef.name)?.data.token);
    }
    if (kind === "ServiceMonitor") assert.ok(keys.includes(spec.endpoints[0].authorization.credentials.key));
    if (metadata.name !== "argocd-notifications-cm" || !data) continue;
    const known = cluster.find("Secret", "argocd", "argocd-notifications-secret")?.data ?? {};
    const named = [...data["service.webhook.gh-runner"].matchAll(/\$([\w-]+)/g)].map(([, key]) => key);
    assert.deepEqual(named, ["gh-runner-token"]);
    for (const key of named) assert.ok(known[key], key);
  }
  for (const { program, args } of cluster.calls) {
    const [, name] = /\bstatefulset\/(\S+)/.exec(args.join(" ")) ?? [];
    if (program === "kubectl" && name) assert.equal(workloadIn(cluster).metadata.name, name);
  }
}

describe("on a real Kubernetes API server", () => {
  it("the commands of the documents leave nothing out", { timeout: 600_000 }, async (t) => {
    const server = await startApiServer(t);
    if (!server) return;
    const after = (script: string) => follow(t, server, script);
    const cluster = await after(TEN_MINUTES);

    await t.test("the steps of docs/kubernetes.md leave nothing out: all that is named is made", () => {
      nothingIsMissing(cluster);
      const kinds = new Set(cluster.objects.map(({ kind }) => kind));
      for (const kind of ["StatefulSet", "Secret", "ConfigMap", "Provider", "Alert"]) assert.ok(kinds.has(kind), kind);
    });

    await t.test(
      "the steps of docs/kubernetes.md run the image that they push, with the repositories that they name",
      () => {
        const [build, push] = cluster.calls.filter(({ program }) => program === "docker").map(({ args }) => args);
        const [container] = workloadIn(cluster).spec.template.spec.containers;
        assert.deepEqual(build, ["build", "-t", container.image, "."]);
        assert.deepEqual(push, ["push", container.image]);
        const { name } = container.envFrom[0].configMapRef;
        const settings = cluster.find("ConfigMap", "gh-runner", name)?.data;
        assert.deepEqual(settings, { TARGET_REPO: "acme/shop", DEPLOYMENT_REPO: "acme/deployment" });
      },
    );

    await t.test("the steps of docs/kubernetes.md give callers and the service the same secrets", () => {
      const { "auth-tokens": token, "flux-hmac-key": key, "github-token": github } = secretsOf(cluster);
      assert.match(token, /^[0-9a-f]{64}$/);
      assert.match(key, /^[0-9a-f]{64}$/);
      assert.notEqual(token, key);
      assert.equal(github.trim(), "github_pat_of_the_reader");
      assert.equal(cluster.find("Secret", "argocd", "argocd-notifications-secret")?.data["gh-runner-token"], token);
      assert.equal(cluster.find("Secret", "flux-system", "gh-runner")?.data.token, key);
    });

    await t.test("the steps of docs/kubernetes.md end with a request that dispatches", async (one) => {
      const { args } = cluster.calls.find(({ program }) => program === "curl") ?? assert.fail("there is no curl");
      const given = (flag: string) => args[args.indexOf(flag) + 1] ?? "";
      assert.equal(args.at(-1), "localhost:9555/dispatch");
      const forwarded = cluster.calls.find(({ args: [, , verb] }) => verb === "port-forward");
      assert.deepEqual(forwarded?.args.slice(-2), ["service/gh-runner", "9555"]);

      const { github, url } = await startService(one, { settings: { AUTH_TOKENS: secretsOf(cluster)["auth-tokens"] } });
      deploy(github, "pr-1234", "4f2c9e1");
      const [header = "", value = ""] = given("-H").split(": ");
      const body = given("-d");
      const headers = {
        [header]: value,
        "content-type": "application/x-www-form-urlencoded",
        "content-length": String(body.length),
      };
      const answer = await send(url, { method: "POST", path: "/dispatch", headers, body });
      assert.equal(answer.text, '{"status":"success","commitHash":"4f2c9e1","sourceName":"pr-1234"}');
    });

    await t.test("the steps of docs/kubernetes.md subscribe an application as the ApplicationSet does", () => {
      const [set] = objectsIn(readFileSync(`${ROOT}deploy/argocd/application-set.yaml`, "utf8"));
      const { annotations } = cluster.find("Application", "argocd", "pr-1234")?.metadata ?? {};
      assert.deepEqual({ ...annotations, ...set.spec.template.metadata.annotations }, annotations);
    });

    await t.test("docs/kubernetes.md leads from there to PostgreSQL, and leaves nothing out", async () => {
      const more = scriptOf(kubernetes.text, "## PostgreSQL", "## With Helm");
      const cluster = await after(`${TEN_MINUTES}\n${more}`);
      nothingIsMissing({ ...cluster, calls: [] });
      assert.equal(workloadIn(cluster).kind, "Deployment");
      assert.equal(cluster.objects.filter(({ kind }) => /^(StatefulSet|Deployment)$/.test(kind)).length, 1);
      assert.match(secretsOf(cluster)["database-url"], /^postgres:\/\/\w+:[\w-]+@[\w.]+:5432\/\w+$/);
      // The new address exists before the old one is removed, and nothing happens between the two.
      const [remove, apply] = cluster.calls.slice(-2).map(({ args }) => args.join(" "));
      assert.match(remove ?? "", /delete statefulset gh-runner/);
      assert.match(apply ?? "", /^apply -k /);
    });

    const steps = [
      { name: "Flux", script: FLUX },
      { name: "a GitHub App", script: scriptOf(kubernetes.text, "## A GitHub App", "## Prometheus") },
      { name: "Prometheus", script: scriptOf(kubernetes.text, "## Prometheus", "## The network") },
    ];
    const orders = steps.flatMap((first) => {
      const others = steps.filter((step) => step !== first);
      return [others, others.toReversed()].map((rest) => [first, ...rest]);
    });
    for (const order of orders) {
      await t.test(
        `docs/kubernetes.md leads to ${order.map(({ name }) => name).join(", then ")}, and each stays`,
        async () => {
          const cluster = await after([INSTALL, ...order.map(({ script }) => script)].join("\n"));
          nothingIsMissing(cluster);
          const [{ env }] = workloadIn(cluster).spec.template.spec.containers;
          const names: string[] = env.map(({ name }: { name: string }) => name);
          assert.ok(names.includes("FLUX_HMAC_KEY_FILE") && names.includes("GITHUB_APP_PRIVATE_KEY_FILE"));
          assert.ok(!names.includes("GITHUB_TOKEN_FILE"));
          assert.ok(cluster.objects.some(({ kind }) => kind === "ServiceMonitor"));
          assert.ok(secretsOf(cluster)["github-app-private-key"].startsWith("the App's key"));
          assert.equal(secretsOf(cluster)["metrics-token"], secretsOf(cluster)["auth-tokens"]);
        },
      );
    }
  });
});
