import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { globSync, readFileSync } from "node:fs";
import { describe, it, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { SERVER_LIMITS } from "../src/http/server.ts";
import { type KubernetesObject, kustomize, objectsIn } from "./support/kubectl.ts";
import { withComponents } from "./support/overlay.ts";
import { deploy, notify, send, startService } from "./support/service.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const OVERLAYS = ["sqlite", "postgres"] as const;

type Named = { readonly name: string };
const namesOf = (list: readonly Named[] | undefined) => (list ?? []).map(({ name }) => name);

const kindsOf = (objects: readonly KubernetesObject[]) => objects.map(({ kind }) => kind).sort();
const ofKind = (objects: readonly KubernetesObject[], pattern: RegExp): KubernetesObject =>
  objects.find(({ kind }) => pattern.test(kind)) ?? assert.fail(`there is no ${pattern}`);
const workload = (objects: readonly KubernetesObject[]) => ofKind(objects, /^(Deployment|StatefulSet)$/);
const podOf = (objects: readonly KubernetesObject[]): KubernetesObject => workload(objects).spec.template.spec;
const containerOf = (pod: KubernetesObject) => pod.containers[0] ?? assert.fail("there is no container");

/** Both overlays, plain and with every component. */
const CASES = OVERLAYS.flatMap((overlay) => [
  { name: overlay, render: (t: TestContext) => kustomize(t, `${ROOT}deploy/kubernetes/overlays/${overlay}`) },
  { name: `${overlay} with all components`, render: (t: TestContext) => withComponents(t, overlay) },
]);

describe("the overlays", () => {
  it("are one replica with a volume, and three with a database", (t) => {
    const [sqlite, postgres] = OVERLAYS.map((name) => kustomize(t, `${ROOT}deploy/kubernetes/overlays/${name}`));
    if (!sqlite || !postgres) return;
    const shared = ["ConfigMap", "Namespace", "NetworkPolicy", "Service", "ServiceAccount"];
    assert.deepEqual(kindsOf(sqlite), [...shared, "StatefulSet"].sort());
    assert.deepEqual(kindsOf(postgres), [...shared, "Deployment", "PodDisruptionBudget"].sort());
    assert.equal(workload(sqlite).spec.replicas, 1);
    assert.equal(workload(sqlite).spec.podManagementPolicy, "Parallel");
    assert.equal(workload(sqlite).spec.volumeClaimTemplates[0].metadata.name, "data");
    assert.equal(workload(postgres).spec.replicas, 3);
    assert.equal(podOf(postgres).topologySpreadConstraints?.length, 2);
    assert.ok(namesOf(containerOf(podOf(postgres)).env).includes("DATABASE_URL_FILE"));
  });

  for (const { name, render } of CASES) {
    it(`${name}: selectors select the pods, and every name that is used exists`, (t) => {
      const objects = render(t);
      if (!objects) return;
      const { labels } = workload(objects).spec.template.metadata;
      const selectors = [
        workload(objects).spec.selector.matchLabels,
        ofKind(objects, /^Service$/).spec.selector,
        ofKind(objects, /^NetworkPolicy$/).spec.podSelector.matchLabels,
        ...objects.filter(({ kind }) => kind === "PodDisruptionBudget").map(({ spec }) => spec.selector.matchLabels),
        ...(podOf(objects).topologySpreadConstraints ?? []).map(
          (each: KubernetesObject) => each.labelSelector.matchLabels,
        ),
      ];
      for (const selector of selectors) {
        assert.ok(Object.keys(selector).length > 0);
        for (const [key, value] of Object.entries<unknown>(selector)) assert.equal(labels[key], value, key);
      }
      const pod = podOf(objects);
      const container = containerOf(pod);
      const volumes = new Set(namesOf(pod.volumes));
      for (const claim of workload(objects).spec.volumeClaimTemplates ?? []) volumes.add(claim.metadata.name);
      assert.deepEqual(new Set(namesOf(container.volumeMounts)), volumes);
      const maps = new Set(objects.filter(({ kind }) => kind === "ConfigMap").map(({ metadata }) => metadata.name));
      for (const map of [
        ...container.envFrom.map(({ configMapRef }: { configMapRef: Named }) => configMapRef.name),
        ...pod.volumes.flatMap(({ configMap }: { configMap?: Named }) => configMap?.name ?? []),
      ]) {
        assert.ok(maps.has(map ?? ""), map ?? "a reference without a name");
      }
      assert.equal(ofKind(objects, /^ServiceAccount$/).metadata.name, pod.serviceAccountName);
      for (const { kind, metadata } of objects) {
        if (kind !== "Namespace") assert.equal(metadata.namespace, "gh-runner", kind);
      }
    });

    it(`${name}: the namespace enforces "restricted", and the root file system is read-only`, (t) => {
      const objects = render(t);
      if (!objects) return;
      const pod = podOf(objects);
      assert.equal(containerOf(pod).securityContext?.readOnlyRootFilesystem, true);
      assert.equal(pod.automountServiceAccountToken, false);
      assert.equal(typeof pod.securityContext?.fsGroup, "number");
      const namespace = ofKind(objects, /^Namespace$/).metadata.labels;
      assert.equal(namespace["pod-security.kubernetes.io/enforce"], "restricted");
    });

    it(`${name}: secrets come by reference`, (t) => {
      const objects = render(t);
      if (!objects) return;
      assert.ok(!objects.some(({ kind }) => kind === "Secret"));
      for (const { name, value } of containerOf(podOf(objects)).env ?? []) {
        if (/TOKEN|KEY|URL/.test(name)) assert.match(value ?? "", /^\/run\/secrets\/gh-runner\/[a-z-]+$/, name);
      }
    });
  }
});

describe("what the manifests say of the service", () => {
  for (const { name, render } of CASES) {
    it(`${name}: ports and paths are those of the service, and it answers the probes`, async (t) => {
      const objects = render(t);
      if (!objects) return;
      const { ports, env, startupProbe, livenessProbe, readinessProbe } = containerOf(podOf(objects));
      const port = { name: "http", containerPort: 9555, protocol: "TCP" };
      assert.deepEqual(ports, [port]);
      assert.ok(!namesOf(env).includes("PORT"));
      const [servicePort] = ofKind(objects, /^Service$/).spec.ports;
      assert.deepEqual([servicePort.port, servicePort.targetPort], [9555, "http"]);

      const { url } = await startService(t);
      for (const probe of [startupProbe, livenessProbe, readinessProbe]) {
        assert.equal(probe?.httpGet?.port, "http");
        assert.equal((await send(url, { path: probe?.httpGet?.path ?? "" })).status, 200);
      }
      // test/sqlite-failures.test.ts: while the database is unusable /ready is 503, and /health 200.
      const paths = [startupProbe, livenessProbe, readinessProbe].map((probe) => probe?.httpGet?.path);
      assert.deepEqual(paths, ["/health", "/health", "/ready"]);
    });

    it(`${name}: every variable is a setting`, (t) => {
      const objects = render(t);
      if (!objects) return;
      const settings = readFileSync(`${ROOT}docs/configuration.md`, "utf8");
      const names = namesOf(containerOf(podOf(objects)).env);
      for (const map of objects.filter(({ kind }) => kind === "ConfigMap")) {
        names.push(...Object.keys(map.data).filter((key) => !key.endsWith(".ts")));
      }
      assert.ok(names.length >= 5);
      for (const each of names) {
        assert.ok(settings.includes(`\`${each}\``), each);
      }
    });

    it(`${name}: its termination grace period is long enough`, (t) => {
      const objects = render(t);
      if (!objects) return;
      const pod = podOf(objects);
      const before = containerOf(pod).lifecycle?.preStop?.sleep?.seconds ?? 0;
      const spare = 5;
      assert.ok(pod.terminationGracePeriodSeconds! >= before + SERVER_LIMITS.drainMs / 1000 + spare);
    });

    it(`${name}: its limits are those of the measurements`, (t) => {
      const objects = render(t);
      if (!objects) return;
      assert.deepEqual(containerOf(podOf(objects)).resources, {
        requests: { cpu: "50m", memory: "64Mi" },
        limits: { cpu: "100m", memory: "128Mi" },
      });
    });

    it(`${name}: it is reached from ArgoCD, Flux and the monitoring, and reaches DNS and GitHub`, (t) => {
      const objects = render(t);
      if (!objects) return;
      const { ingress, egress, policyTypes } = ofKind(objects, /^NetworkPolicy$/).spec;
      assert.deepEqual(policyTypes, ["Ingress", "Egress"]);
      const [{ from, ports }] = ingress;
      const [{ key, operator, values }] = from[0].namespaceSelector.matchExpressions;
      assert.equal(ingress.length + from.length, 2);
      assert.deepEqual([key, operator], ["kubernetes.io/metadata.name", "In"]);
      const senders = ["argocd/argocd-notifications-cm.yaml", "flux/provider.yaml"].map(
        (file) => objectsIn(readFileSync(`${ROOT}deploy/${file}`, "utf8"))[0].metadata.namespace,
      );
      assert.deepEqual(values, [...senders, "monitoring"]);
      assert.deepEqual(ports, [{ port: "http", protocol: "TCP" }]);
      const out = egress.flatMap((rule: { ports: { port: number; protocol: string }[] }) =>
        rule.ports.map(({ port, protocol }) => `${port}/${protocol}`),
      );
      const database = name.startsWith("postgres") ? ["5432/TCP"] : [];
      assert.deepEqual(out, ["53/UDP", "53/TCP", "443/TCP", ...database]);
    });
  }

  it("with a GitHub App there is no token", (t) => {
    const objects = withComponents(t, "sqlite", ["github-app"]);
    if (!objects) return;
    const names = namesOf(containerOf(podOf(objects)).env);
    assert.ok(names.includes("GITHUB_APP_PRIVATE_KEY_FILE"));
    assert.ok(!names.includes("GITHUB_TOKEN_FILE"));
  });

  it("the ServiceMonitor scrapes it as the job that alerts and dashboard expect, with a token of the Secret", async (t) => {
    const objects = withComponents(t, "sqlite", ["prometheus"]);
    if (!objects) return;
    const service = ofKind(objects, /^Service$/);
    const monitor = ofKind(objects, /^ServiceMonitor$/).spec;
    for (const [key, value] of Object.entries(monitor.selector.matchLabels)) {
      assert.equal(service.metadata.labels[key], value);
    }
    assert.equal(monitor.endpoints[0].port, service.spec.ports[0].name);
    const rules = readFileSync(`${ROOT}deploy/prometheus/rules.yaml`, "utf8");
    assert.ok(rules.includes(`up{job="${service.metadata.name}"}`));
    const { url, github } = await startService(t, { settings: { AUTH_TOKENS: "argocd,prometheus" } });
    deploy(github, "pr-1", "abc");
    await notify(url, { application: "pr-1" }, { authorization: "Bearer argocd" });
    const { type, credentials } = monitor.endpoints[0].authorization;
    assert.deepEqual(credentials, { name: "gh-runner", key: "metrics-token" });
    const { path } = monitor.endpoints[0];
    assert.equal((await send(url, { path, headers: { authorization: `${type} prometheus` } })).status, 200);
    assert.equal((await send(url, { path })).status, 401);
  });

  it("the job that docs/operations.md makes of the nightly one restores, wherever the volume is", (t) => {
    const nightly = ofKind(withComponents(t, "sqlite", ["backup"]) ?? [], /^CronJob$/);
    const [, filter = ""] = /\| jq '([^']+)'/.exec(readFileSync(`${ROOT}docs/operations.md`, "utf8")) ?? [];
    const job = { kind: "Job", spec: nightly.spec.jobTemplate.spec };
    const { stdout, stderr } = spawnSync("jq", [filter], { input: JSON.stringify(job), encoding: "utf8" });
    assert.equal(stderr, "");
    const { affinity, containers, volumes } = JSON.parse(stdout).spec.template.spec;
    assert.equal(affinity, undefined);
    assert.match(containers[0].args.join(" "), /^restore \/backup\/gh-runner-\d{8}T\d{6}Z\.sqlite --replace$/);
    assert.deepEqual(namesOf(volumes), ["data", "backup"]);
  });

  it("every file of deploy/kubernetes is part of a kustomization", () => {
    const folder = `${ROOT}deploy/kubernetes`;
    const kustomizations = globSync("**/kustomization.yaml", { cwd: folder });
    const text = kustomizations.map((file) => readFileSync(`${folder}/${file}`, "utf8")).join("\n");
    for (const file of globSync("**/*.*", { cwd: folder })) {
      const name = file.slice(file.lastIndexOf("/") + 1);
      if (name !== "kustomization.yaml") assert.ok(text.includes(name), file);
    }
  });
});
