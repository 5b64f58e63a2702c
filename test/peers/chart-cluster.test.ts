import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { type KubernetesObject, objectsIn } from "../support/kubectl.ts";
import { type ApiServer, podOf, startApiServer } from "./api-server.ts";
import { nameOf, ROWS } from "./chart-rows/index.ts";
import { NEEDED, withNeeded } from "./chart-rows/row.ts";
import { peer } from "./peers.ts";

const CHART = "deploy/helm/gh-runner";
const RELEASED = "test/peers/released-chart";
const NAMESPACE = "gh-runner";

type Values = Readonly<Record<string, unknown>>;

/** A release of the chart on the server, in a namespace that enforces the Pod Security Standard "restricted". */
function releaseOn(server: ApiServer, helm: string) {
  const run = (command: string, values?: Values) =>
    server.shell(`${helm} ${command} -n ${NAMESPACE}`, values && JSON.stringify(values));
  return {
    run,
    change: (values: Values, chart = CHART, flags = "") =>
      run(`upgrade --install gh-runner ${chart} -f - ${flags}`, values),
    uninstall: () => run("uninstall gh-runner --ignore-not-found"),
    /** The objects of the release in the cluster, from this manifest or the one that helm returns. */
    async objects(manifest?: string): Promise<KubernetesObject[]> {
      const text = manifest ?? (await run("get manifest gh-runner")).stdout;
      const named = objectsIn(text).map(({ metadata, ...object }) => ({
        ...object,
        metadata: { namespace: NAMESPACE, ...metadata },
      }));
      const list = JSON.stringify({ apiVersion: "v1", kind: "List", items: named });
      const { stdout: found } = await server.shell("kubectl get -f - -o json", list);
      return JSON.parse(found).items;
    },
  };
}

/** Objects that a pod names and that nothing in this cluster creates. */
const OTHERS = [
  { apiVersion: "scheduling.k8s.io/v1", kind: "PriorityClass", metadata: { name: "important" }, value: 1 },
  { apiVersion: "node.k8s.io/v1", kind: "RuntimeClass", metadata: { name: "gvisor" }, handler: "runsc" },
  ...[NAMESPACE, "flux-system"].map((namespace) => ({
    apiVersion: "v1",
    kind: "ServiceAccount",
    metadata: { name: "default", namespace },
  })),
];

describe("on a real Kubernetes API server, the chart", () => {
  for (const version of ["helm3", "helm4"]) {
    it(`is installed and upgraded with ${version}, with every value`, { timeout: 800_000 }, async (t) => {
      const [helm, server] = [peer(t, version), await startApiServer(t)];
      if (!helm || !server) return;
      await server.shell("kubectl apply -f -", OTHERS.map((each) => JSON.stringify(each)).join("\n---\n"));
      const release = releaseOn(server, helm);
      await everyValue(t, server, release);
      await upgradeFromReleased(t, release);
      await anotherVolume(t, server, release);
      await anotherBackupClaim(t, server, release);
      await isTested(t, server, release);
      await onOpenShift(t, server, release);
    });
  }
});

type Release = ReturnType<typeof releaseOn>;

/** Each row upgrades the release of the row before, unless it has another store or volume. */
async function everyValue(t: TestContext, server: ApiServer, release: Release) {
  const volumeOf = ({ store, storage }: Values) => JSON.stringify([store, storage]);
  let before: Values = {};
  let upgrades = 0;
  for (const row of ROWS) {
    await t.test(nameOf(row), async () => {
      if (volumeOf(row.values) === volumeOf(before)) upgrades++;
      else await release.uninstall();
      before = row.values;
      const { stderr, stdout } = await release.change(withNeeded(row.values), CHART, "-o json");
      assert.doesNotMatch(stderr, /PodSecurity|unknown field|deprecated/);
      const pod = podOf(await release.objects(JSON.parse(stdout).manifest));
      await server.shell("kubectl create --dry-run=server --validate=strict -f -", JSON.stringify(pod));
    });
  }
  assert.ok(upgrades > ROWS.length / 2);
  await t.test("a pod that violates the standard is detected", async () => {
    await release.uninstall();
    const { stderr } = await release.change({ ...NEEDED, securityContext: { allowPrivilegeEscalation: true } });
    assert.match(stderr, /would violate PodSecurity/);
    await release.uninstall();
  });
}

/** The chart 0.1.0, with the values of that version. */
async function upgradeFromReleased(t: TestContext, release: Release) {
  const values = {
    image: { repository: "registry.example.com/gh-runner", tag: "0.1.0" },
    settings: { ...NEEDED.settings, GITHUB_APP_ID: "1234567" },
    ...{ githubApp: true, flux: true, webhook: true, serviceMonitor: true },
    networkPolicy: { from: ["argocd"], ports: [8443] },
    podAnnotations: { a: "1" },
    tolerations: [{ key: "spot", operator: "Exists" }],
  };
  for (const store of ["sqlite", "postgres"]) {
    for (const flags of ["", "--reuse-values"]) {
      await t.test(`upgrades 0.1.0 with ${store} ${flags}`, async () => {
        await release.change({ ...values, store }, RELEASED);
        const before = await release.objects();
        await release.change(flags ? {} : { ...values, store }, CHART, flags);
        const after = await release.objects();
        const names = (objects: readonly KubernetesObject[]) =>
          objects.map(({ kind, metadata }) => `${kind} ${metadata.name} ${metadata.uid}`).sort();
        assert.deepEqual(names(after), names(before));
        assert.deepEqual(workload(after), workload(before));
        await release.run("rollback gh-runner 1");
        assert.deepEqual(workload(await release.objects()), workload(before));
        await release.uninstall();
      });
    }
  }
}

/** The workload without labels and annotations, in a fixed order. */
function workload(objects: readonly KubernetesObject[]): KubernetesObject {
  const { spec } = structuredClone(objects.find(({ kind }) => /^(StatefulSet|Deployment)$/.test(kind)));
  delete spec.template.metadata;
  const [container] = spec.template.spec.containers;
  for (const list of [container.env, container.volumeMounts, spec.template.spec.volumes]) {
    list.sort((one: { name: string }, other: { name: string }) => one.name.localeCompare(other.name));
  }
  return spec;
}

/** Follows the instructions in the chart's messages. */
async function anotherVolume(t: TestContext, server: ApiServer, release: Release) {
  await t.test("says what to do when the volume has changed, correctly", async () => {
    const withStorage = (storage: Values) => ({ ...NEEDED, storage: { storageClassName: "fast", ...storage } });
    const said = (storage: Values) =>
      release.change(withStorage(storage)).then(
        () => assert.fail("it was taken"),
        ({ stderr }: { stderr: string }) => stderr,
      );
    const fast = { apiVersion: "storage.k8s.io/v1", kind: "StorageClass", metadata: { name: "fast" } };
    const storageClass = { ...fast, provisioner: "example.com/fast", allowVolumeExpansion: true };
    const claim = {
      apiVersion: "v1",
      kind: "PersistentVolumeClaim",
      metadata: { name: "data-gh-runner-0", namespace: NAMESPACE },
      spec: {
        accessModes: ["ReadWriteOnce"],
        storageClassName: "fast",
        volumeName: "made-by-hand",
        resources: { requests: { storage: "1Gi" } },
      },
    };
    await release.change(withStorage({}));
    // The same with other values.
    await release.change(withStorage({ size: "1024Mi" }));
    await server.shell("kubectl apply -f -", [storageClass, claim].map((each) => JSON.stringify(each)).join("\n---\n"));
    const bound = `kubectl -n ${NAMESPACE} patch pvc data-gh-runner-0 --subresource=status -p '{"status":{"phase":"Bound"}}'`;
    await server.shell(bound);

    const larger = await said({ size: "2Gi" });
    const commands = [...larger.matchAll(/^\s*(kubectl .*)$/gm)].map(([, command]) => command ?? "");
    assert.equal(commands.length, 2, larger);
    const [enlarge = "", remove = ""] = commands;
    await server.shell(enlarge);
    const { stdout } = await server.shell(`kubectl -n ${NAMESPACE} get pvc data-gh-runner-0 -o json`);
    assert.equal(JSON.parse(stdout).spec.resources.requests.storage, "2Gi");
    // No garbage collector runs here that would remove its finalizer.
    const finalizer = `kubectl -n ${NAMESPACE} patch statefulset gh-runner -p '{"metadata":{"finalizers":null}}'`;
    await server.shell(`${remove} --wait=false; ${finalizer}`);
    await release.change(withStorage({ size: "2Gi" }));

    assert.match(await said({ size: "1Gi" }), /storage\.size: .*no volume shrinks/);
    assert.match(
      await said({ size: "2Gi", storageClassName: "" }),
      /storageClassName: the release has "fast", the values say ""/,
    );
    assert.match(await said({ size: "2Gi", accessModes: ["ReadWriteMany"] }), /storage\.accessModes: /);
    assert.match(await said({ existingClaim: "mine" }), /storage\.existingClaim: .*docs\/kubernetes\.md/s);
    await release.uninstall();
    await release.change(withStorage({ existingClaim: "mine" }));
    assert.match(await said({}), /storage\.existingClaim: the release has it/);
    await release.uninstall();
  });
}

async function anotherBackupClaim(t: TestContext, server: ApiServer, release: Release) {
  await t.test("says what to do when the claim of backups has changed", async () => {
    const withBackup = (backup: Values) => release.change({ ...NEEDED, backup: { enabled: true, ...backup } });
    const said = (backup: Values) =>
      withBackup(backup).then(
        () => assert.fail("it was taken"),
        ({ stderr }: { stderr: string }) => stderr,
      );
    // The claim of another test outlives its release, because no controller runs here that would delete it.
    const claim = `-n ${NAMESPACE} pvc gh-runner-backup`;
    await server.shell(`kubectl delete ${claim} --ignore-not-found --wait=false`);
    await server.shell(`kubectl patch ${claim} -p '{"metadata":{"finalizers":null}}' || true`);
    await withBackup({ size: "2Gi", storageClassName: "fast" });
    await withBackup({ size: "2048Mi", storageClassName: "fast" });
    assert.match(await said({ size: "1Gi", storageClassName: "fast" }), /backup\.size: .*2Gi.*backup\.existingClaim/s);
    assert.match(
      await said({ size: "2Gi", storageClassName: "slow" }),
      /backup\.storageClassName: .*"fast".*"slow".*backup\.existingClaim/s,
    );
    await withBackup({ existingClaim: "mine" });
    await release.uninstall();
  });
}

/** No node runs its pod here, so the test writes its end. */
async function isTested(t: TestContext, server: ApiServer, release: Release) {
  await t.test("passes `helm test` when its pod has succeeded, and fails when it has failed", async () => {
    await release.change(NEEDED);
    const test = async (phase: string) => {
      const status = `kubectl -n ${NAMESPACE} patch pod gh-runner-test --subresource=status -p '{"status":{"phase":"${phase}"}}'`;
      const ended = server.shell(`until ${status} 2>/dev/null; do sleep 0.2; done`);
      await Promise.all([release.run("test gh-runner --timeout 60s"), ended]);
    };
    await test("Succeeded");
    await server.shell(`kubectl -n ${NAMESPACE} delete pod gh-runner-test --now`);
    await assert.rejects(test("Failed"), /gh-runner-test/);
    await release.uninstall();
  });
}

async function onOpenShift(t: TestContext, server: ApiServer, release: Release) {
  await t.test("names no user if the cluster is OpenShift", async () => {
    const names = { plural: "securitycontextconstraints", kind: "SecurityContextConstraints" };
    const schema = { openAPIV3Schema: { type: "object" } };
    const definition = {
      apiVersion: "apiextensions.k8s.io/v1",
      kind: "CustomResourceDefinition",
      metadata: { name: "securitycontextconstraints.security.openshift.io" },
      spec: {
        group: "security.openshift.io",
        scope: "Cluster",
        names,
        versions: [{ name: "v1", served: true, storage: true, schema }],
      },
    };
    const user = async () => {
      await release.change(NEEDED);
      return podOf(await release.objects()).spec.securityContext.runAsUser;
    };
    assert.equal(await user(), 65_532);
    await server.shell("kubectl apply -f -", JSON.stringify(definition));
    await server.shell(
      `until kubectl wait --for=condition=Established crd/${definition.metadata.name} 2>/dev/null; do sleep 0.2; done`,
    );
    assert.equal(await user(), undefined);
  });
}
