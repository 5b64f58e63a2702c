import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { load } from "js-yaml";
import { documentOf } from "../support/documents.ts";
import { type KubernetesObject, objectsIn } from "../support/kubectl.ts";
import { withComponents } from "../support/overlay.ts";
import { podOf, startApiServer } from "./api-server.ts";
import { peer } from "./peers.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const CHART = "deploy/helm/gh-runner";
const VALUES = {
  image: { repository: "registry.example.com/gh-runner", tag: "0.1.0" },
  settings: { TARGET_REPO: "acme/shop", DEPLOYMENT_REPO: "acme/deployment", GITHUB_APP_ID: 123_456 },
  flux: true,
  serviceMonitor: true,
  githubApp: true,
};

/** The objects in the documents. Those of docs/moving.md are merged into the Go service's Deployment. */
function shownObjects(): KubernetesObject[] {
  const whole = globSync("{*.md,docs/*.md}", { cwd: ROOT })
    .flatMap((file) => documentOf(file).blocks)
    .filter(({ text }) => /^apiVersion: (?!kustomize)/m.test(text))
    .flatMap(({ text }) => objectsIn(text));
  const [added, claim] = [...documentOf("docs/moving.md").text.matchAll(/^ {3}```yaml\n([\s\S]*?)^ {3}```$/gm)].map(
    ([, block = ""]) => load(block) as KubernetesObject,
  );
  const labels = { app: "gh-runner" };
  const deployment = { apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "gh-runner" }, ...added };
  deployment.spec.selector = { matchLabels: labels };
  deployment.spec.template.metadata = { labels };
  return [...whole, deployment, claim];
}

describe("on a real Kubernetes API server", () => {
  it("all shipped and documented objects are accepted", { timeout: 300_000 }, async (t) => {
    const server = await startApiServer(t);
    if (!server) return;
    /** An unknown field is an error. A workload whose pods violate the standard of their namespace causes a warning on stderr. */
    const take = async (objects: readonly KubernetesObject[], command = "apply --server-side") => {
      const list = JSON.stringify({ apiVersion: "v1", kind: "List", items: objects });
      const { stderr } = await server.shell(`kubectl ${command} --validate=strict -f -`, list);
      assert.equal(stderr, "");
    };
    const tryOut = (objects: readonly KubernetesObject[]) => take(objects, "create --dry-run=server");

    for (const store of ["sqlite", "postgres"]) {
      const backup = store === "sqlite" ? "backup" : "backup-postgres";
      for (const components of [[], ["flux", "github-app", "prometheus", "webhook", backup]]) {
        await t.test([`the overlay ${store}`, ...components].join(" + "), async (one) => {
          const all = withComponents(one, store, components);
          if (!all) return;
          // No controller runs here that would release a claim when it is deleted.
          const objects = all.filter(({ kind }) => kind !== "PersistentVolumeClaim");
          await take(objects);
          if (all.length > objects.length) await tryOut(all.filter((object) => !objects.includes(object)));
          const pod = podOf(objects);
          await tryOut([pod]);
          pod.spec.containers[0].securityContext.allowPrivilegeEscalation = true;
          await assert.rejects(tryOut([pod]), /violates PodSecurity "restricted:latest": allowPrivilegeEscalation/);
          const others = objects.filter(({ kind }) => kind !== "Namespace");
          await server.shell("kubectl delete -f -", others.map((object) => JSON.stringify(object)).join("\n---\n"));
        });
      }
    }

    for (const file of globSync("deploy/{argocd,flux}/!(kustomization).yaml", { cwd: ROOT })) {
      await t.test(file, async () => {
        const objects = objectsIn(readFileSync(ROOT + file, "utf8"));
        await tryOut(objects);
        if (objects.some(({ spec }) => spec === undefined)) return;
        for (const { spec } of objects) spec.misspelt = true;
        await assert.rejects(tryOut(objects), /unknown field "misspelt"/);
      });
    }

    const shown = shownObjects();
    for (const object of shown) {
      await t.test(`${object.kind} ${object.metadata.name} of a document`, () => tryOut([object]));
    }
    assert.ok(shown.length >= 3);

    for (const version of ["helm3", "helm4"]) {
      await t.test(`${version} installs, upgrades from SQLite to PostgreSQL, rolls back, removes`, async (one) => {
        const helm = peer(one, version);
        if (!helm) return;
        const run = (command: string) => server.shell(`${helm} ${command} -n gh-runner`);
        const change = (command: string, store: string) =>
          server.shell(`${helm} ${command} gh-runner ${CHART} -n gh-runner -f -`, JSON.stringify({ ...VALUES, store }));
        const kinds = async () => {
          const { stdout } = await server.shell(
            "kubectl -n gh-runner get statefulset,deployment,poddisruptionbudget -o name",
          );
          return stdout.trim().split("\n").sort();
        };
        await server.shell(`${helm} lint --strict ${CHART} -f -`, JSON.stringify(VALUES));
        await change("install", "sqlite");
        assert.deepEqual(await kinds(), ["statefulset.apps/gh-runner"]);
        await change("upgrade", "postgres");
        assert.deepEqual(await kinds(), ["deployment.apps/gh-runner", "poddisruptionbudget.policy/gh-runner"]);
        await run("rollback gh-runner 1");
        assert.deepEqual(await kinds(), ["statefulset.apps/gh-runner"]);
        const { stdout } = await server.shell("kubectl -n gh-runner get statefulset gh-runner -o json");
        const [made] = objectsIn(stdout);
        assert.equal(made.spec.template.spec.containers[0].image, "registry.example.com/gh-runner:0.1.0");
        await tryOut([podOf([made])]);
        await run("uninstall gh-runner");
        assert.deepEqual(await kinds(), [""]);
      });
    }
  });
});
