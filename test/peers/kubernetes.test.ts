import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { type KubernetesObject, objectsIn, tool } from "../support/kubectl.ts";
import { withComponents } from "../support/overlay.ts";
import { startApiServer } from "./api-server.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const NAMESPACE = readFileSync(`${ROOT}deploy/kubernetes/base/namespace.yaml`, "utf8");
const VALUES = {
  image: { repository: "registry.example.com/gh-runner", tag: "0.1.0" },
  settings: { TARGET_REPO: "acme/shop", DEPLOYMENT_REPO: "acme/deployment" },
  flux: true,
  githubApp: true,
};

/** A pod that a workload would make. */
function podOf(objects: readonly KubernetesObject[]): KubernetesObject {
  const workload = objects.find(({ kind }) => /^(StatefulSet|Deployment)$/.test(kind)) ?? assert.fail();
  const { metadata, spec } = workload.spec.template;
  // Its controller would put the volumes of a StatefulSet there.
  const claimed = (workload.spec.volumeClaimTemplates ?? []).map(({ metadata: { name } }: KubernetesObject) => ({
    name,
    persistentVolumeClaim: { claimName: `${name}-gh-runner-0` },
  }));
  const volumes = [...(spec.volumes ?? []), ...claimed];
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { ...metadata, name: "tried", namespace: "gh-runner" },
    spec: { ...spec, volumes },
  };
}

describe("what deploy/ makes, on Kubernetes' own API server", () => {
  it("is taken without a warning, and so is each pod in a namespace that enforces restricted", {
    timeout: 300_000,
  }, async (t) => {
    const server = await startApiServer(t);
    if (!server) return;
    const { shell } = server;
    const taken = async (command: string, objects: readonly KubernetesObject[]) =>
      shell(command, JSON.stringify({ apiVersion: "v1", kind: "List", items: objects }));
    await shell("kubectl apply -f -", NAMESPACE);

    for (const store of ["sqlite", "postgres"]) {
      await t.test(`by kustomize: ${store}`, async (one) => {
        const objects = withComponents(one, store, ["flux", "github-app"]);
        if (!objects) return;
        assert.equal((await taken("kubectl apply --server-side --validate=strict -f -", objects)).stderr, "");
        assert.equal((await taken("kubectl create --dry-run=server -f -", [podOf(objects)])).stderr, "");
        const wrong = podOf(objects);
        wrong.spec.containers[0].securityContext.allowPrivilegeEscalation = true;
        const refused = taken("kubectl create --dry-run=server -f -", [wrong]);
        await assert.rejects(refused, /violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false/);
        await taken(
          "kubectl delete -f -",
          objects.filter(({ kind }) => kind !== "Namespace"),
        );
      });
    }

    await t.test("by Helm: installed, upgraded from SQLite to PostgreSQL, rolled back, removed", async (one) => {
      if (tool(one, "helm", ["version"]) === undefined) return;
      const helm = (command: string, store = "sqlite") =>
        shell(
          `helm ${command} -n gh-runner ${command.startsWith("install") || command.startsWith("upgrade") ? "-f -" : ""}`,
          JSON.stringify({ ...VALUES, store }),
        );
      const kinds = async () => {
        const { stdout } = await shell("kubectl -n gh-runner get statefulset,deployment,poddisruptionbudget -o name");
        return stdout.trim().split("\n").sort();
      };
      await helm("install gh-runner deploy/helm/gh-runner");
      assert.deepEqual(await kinds(), ["statefulset.apps/gh-runner"]);
      await helm("upgrade gh-runner deploy/helm/gh-runner", "postgres");
      assert.deepEqual(await kinds(), ["deployment.apps/gh-runner", "poddisruptionbudget.policy/gh-runner"]);
      await helm("rollback gh-runner 1");
      assert.deepEqual(await kinds(), ["statefulset.apps/gh-runner"]);
      const { stdout } = await shell("kubectl -n gh-runner get statefulset gh-runner -o json");
      assert.equal(objectsIn(stdout)[0].spec.template.spec.containers[0].image, "registry.example.com/gh-runner:0.1.0");
      await helm("uninstall gh-runner");
      assert.deepEqual(await kinds(), [""]);
    });
  });
});
