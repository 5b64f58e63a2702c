import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { load } from "js-yaml";
import { configurationReference } from "../src/service/config/config.ts";
import { type ClusterAfter, runWithoutCluster } from "./support/cluster-script.ts";
import { documentOf } from "./support/documents.ts";
import { type KubernetesObject, objectsIn } from "./support/kubectl.ts";
import { deploy, send, startService } from "./support/service.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const readme = documentOf("README.md");
const kubernetes = documentOf("docs/kubernetes.md");

const scriptOf = (text: string, from: string, to: string) => {
  const section = text.slice(text.indexOf(`\n${from}\n`), text.indexOf(`\n${to}\n`));
  return [...section.matchAll(/^```bash\n([\s\S]*?)^```$/gm)].map(([, block = ""]) => block).join("\n");
};
const TEN_MINUTES = scriptOf(readme.text, "## On Kubernetes", "## The API");

let after: ClusterAfter | undefined;
/** Run once: nothing below changes it. */
function afterTenMinutes(t: TestContext): ClusterAfter | undefined {
  after ??= runWithoutCluster(t, TEN_MINUTES);
  return after;
}

const workloadIn = ({ objects }: ClusterAfter): KubernetesObject =>
  objects.find(({ kind }) => /^(StatefulSet|Deployment)$/.test(kind)) ?? assert.fail("nothing runs");
const secretsOf = (cluster: ClusterAfter) => cluster.find("Secret", "gh-runner", "gh-runner")?.data ?? {};

/** Everything that something in the cluster names must be in the cluster. */
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
    if (metadata.name !== "argocd-notifications-cm") continue;
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

describe("the ten minutes of the README", () => {
  it("leave nothing out: whatever is named is made", (t) => {
    const cluster = afterTenMinutes(t);
    if (!cluster) return;
    nothingIsMissing(cluster);
    const kinds = new Set(cluster.objects.map(({ kind }) => kind));
    for (const kind of ["StatefulSet", "Secret", "ConfigMap", "Provider", "Alert"]) assert.ok(kinds.has(kind), kind);
  });

  it("run the image that they push, with the repositories that they name", (t) => {
    const cluster = afterTenMinutes(t);
    if (!cluster) return;
    const [build, push] = cluster.calls.filter(({ program }) => program === "docker").map(({ args }) => args);
    const [container] = workloadIn(cluster).spec.template.spec.containers;
    assert.deepEqual(build, ["build", "-t", container.image, "."]);
    assert.deepEqual(push, ["push", container.image]);
    const { name } = container.envFrom[0].configMapRef;
    const settings = cluster.find("ConfigMap", "gh-runner", name)?.data;
    assert.deepEqual(settings, { TARGET_REPO: "acme/shop", DEPLOYMENT_REPO: "acme/deployment" });
  });

  it("give callers and the service the same secrets", (t) => {
    const cluster = afterTenMinutes(t);
    if (!cluster) return;
    const { "auth-tokens": token, "flux-hmac-key": key, "github-token": github } = secretsOf(cluster);
    assert.match(token, /^[0-9a-f]{64}$/);
    assert.match(key, /^[0-9a-f]{64}$/);
    assert.notEqual(token, key);
    assert.equal(github.trim(), "github_pat_of_the_reader");
    assert.equal(cluster.find("Secret", "argocd", "argocd-notifications-secret")?.data["gh-runner-token"], token);
    assert.equal(cluster.find("Secret", "flux-system", "gh-runner")?.data.token, key);
  });

  it("ask the doctor when all that it looks for is there, the workflow of the target repository too", () => {
    const minutes = readme.text.slice(readme.text.indexOf("## On Kubernetes"), readme.text.indexOf("## The API"));
    const order = ["create secret", "deploy/target/environment-ready.yml", "gh-runner doctor", "/dispatch"];
    const places = order.map((what) => minutes.indexOf(what));
    assert.ok(places.every((place) => place >= 0));
    assert.deepEqual(
      places,
      places.toSorted((one, other) => one - other),
    );
    const steps = [...minutes.matchAll(/^\*\*(\d)\. /gm)].map(([, number]) => Number(number));
    assert.deepEqual(steps, [1, 2, 3, 4, 5]);
  });

  it("end with a request that dispatches", async (t) => {
    const cluster = afterTenMinutes(t);
    if (!cluster) return;
    const { args } = cluster.calls.find(({ program }) => program === "curl") ?? assert.fail("there is no curl");
    const given = (flag: string) => args[args.indexOf(flag) + 1] ?? "";
    assert.equal(args.at(-1), "localhost:9555/dispatch");
    const forwarded = cluster.calls.find(({ args: [, , verb] }) => verb === "port-forward");
    assert.deepEqual(forwarded?.args.slice(-2), ["service/gh-runner", "9555"]);

    const { github, url } = await startService(t, { settings: { AUTH_TOKENS: secretsOf(cluster)["auth-tokens"] } });
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

  it("subscribe an application as the ApplicationSet does, and show what ArgoCD is configured with", (t) => {
    const set = objectsIn(readFileSync(`${ROOT}deploy/argocd/application-set.yaml`, "utf8"))[0];
    const [annotation] = Object.keys(set.spec.template.metadata.annotations);
    const cluster = afterTenMinutes(t);
    if (cluster) {
      const { args } =
        cluster.calls.find(({ args: [, , verb] }) => verb === "annotate") ?? assert.fail("no annotation");
      assert.deepEqual(args.slice(3), ["application", "pr-1234", `${annotation}=`]);
    }
    const configMap = objectsIn(readFileSync(`${ROOT}deploy/argocd/argocd-notifications-cm.yaml`, "utf8"))[0];
    const shown = readme.blocks.find(({ text }) => text.startsWith("service.webhook.gh-runner"));
    assert.deepEqual(load(shown?.text ?? ""), configMap.data);
  });
});

describe("docs/kubernetes.md", () => {
  it("leads from there to PostgreSQL, and leaves nothing out", (t) => {
    const more = scriptOf(kubernetes.text, "## PostgreSQL", "## With Helm");
    const cluster = runWithoutCluster(t, `${TEN_MINUTES}\n${more}`);
    if (!cluster) return;
    nothingIsMissing({ ...cluster, calls: [] });
    assert.equal(workloadIn(cluster).kind, "Deployment");
    assert.equal(cluster.objects.filter(({ kind }) => /^(StatefulSet|Deployment)$/.test(kind)).length, 1);
    assert.match(secretsOf(cluster)["database-url"], /^postgres:\/\/\w+:[\w-]+@[\w.]+:5432\/\w+$/);
    // The address is in place before the one is taken away, and nothing comes between that and the other.
    const [remove, apply] = cluster.calls.slice(-2).map(({ args }) => args.join(" "));
    assert.match(remove ?? "", /delete statefulset gh-runner/);
    assert.match(apply ?? "", /^apply -k /);
  });

  const steps = [
    { name: "Flux", script: scriptOf(readme.text, "### With Flux", "## The API") },
    { name: "a GitHub App", script: scriptOf(kubernetes.text, "## A GitHub App", "## Prometheus") },
    { name: "Prometheus", script: scriptOf(kubernetes.text, "## Prometheus", "## The network") },
  ];
  const orders = steps.flatMap((first) => {
    const others = steps.filter((step) => step !== first);
    return [others, others.toReversed()].map((rest) => [first, ...rest]);
  });
  for (const order of orders) {
    it(`leads from there to ${order.map(({ name }) => name).join(", then ")}, and each stays`, (t) => {
      const before = scriptOf(readme.text, "## On Kubernetes", "### With ArgoCD");
      const cluster = runWithoutCluster(t, [before, ...order.map(({ script }) => script)].join("\n"));
      if (!cluster) return;
      nothingIsMissing(cluster);
      const [{ env }] = workloadIn(cluster).spec.template.spec.containers;
      const names: string[] = env.map(({ name }: { name: string }) => name);
      assert.ok(names.includes("FLUX_HMAC_KEY_FILE") && names.includes("GITHUB_APP_PRIVATE_KEY_FILE"));
      assert.ok(!names.includes("GITHUB_TOKEN_FILE"));
      assert.ok(cluster.objects.some(({ kind }) => kind === "ServiceMonitor"));
      assert.ok(secretsOf(cluster)["github-app-private-key"].startsWith("the App's key"));
      assert.equal(secretsOf(cluster)["metrics-token"], secretsOf(cluster)["auth-tokens"]);
    });
  }

  it("names the literal of an overlay that a GitHub App needs", () => {
    assert.match(kubernetes.text, /\nAdd `GITHUB_APP_ID=123456` to the literals of your overlay\./);
    assert.ok(configurationReference().includes("| `GITHUB_APP_ID` |"));
  });

  it("lists every key of the Secret that a manifest names, and no other", () => {
    const manifests = ["base/deployment", "overlays/postgres/replicas", "components/github-app/kustomization"]
      .concat("components/flux/kustomization", "components/prometheus/service-monitor")
      .map((file) => readFileSync(`${ROOT}deploy/kubernetes/${file}.yaml`, "utf8"))
      .join("\n");
    const named = [...manifests.matchAll(/\/run\/secrets\/gh-runner\/([a-z-]+)| key: ([a-z]+-token)$/gm)];
    const section = kubernetes.text.slice(
      kubernetes.text.indexOf("## Secrets"),
      kubernetes.text.indexOf("## PostgreSQL"),
    );
    const listed = [...section.matchAll(/^\| `([a-z-]+)`/gm)].map(([, key]) => key);
    assert.deepEqual([...new Set(named.map(([, file, key]) => file ?? key))].sort(), listed.sort());
  });
});

describe("docs/moving.md", () => {
  it("gives the Go service's Deployment a volume where the image looks for it, which the image's user can write to", () => {
    const { text } = documentOf("docs/moving.md");
    const [added, claim] = [...text.matchAll(/^ {3}```yaml\n([\s\S]*?)^ {3}```$/gm)].map(
      ([, block = ""]) => load(block) as KubernetesObject,
    );
    const labels = { app: "gh-runner" };
    const deployment = { apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "gh-runner" }, ...added };
    const { replicas, strategy, template } = Object.assign(deployment.spec, { selector: { matchLabels: labels } });
    template.metadata = { labels };
    assert.deepEqual([replicas, strategy.type], [1, "Recreate"]);

    const dockerfile = readFileSync(`${ROOT}Dockerfile`, "utf8");
    const [container] = template.spec.containers;
    const [volume] = template.spec.volumes;
    assert.equal(volume.persistentVolumeClaim.claimName, claim.metadata.name);
    const mount = { name: volume.name, mountPath: /\bDATA_DIR=(\S+)/.exec(dockerfile)?.[1] };
    assert.deepEqual(container.volumeMounts, [mount]);
    const [base] = objectsIn(readFileSync(`${ROOT}deploy/kubernetes/base/deployment.yaml`, "utf8"));
    assert.deepEqual(container.resources, base.spec.template.spec.containers[0].resources);
    const { fsGroup, runAsUser, runAsGroup } = template.spec.securityContext;
    const [, user, group] = /^USER (\d+):(\d+)$/m.exec(dockerfile)?.map(Number) ?? [];
    assert.deepEqual([runAsUser, runAsGroup, fsGroup], [user, group, group]);
  });
});
