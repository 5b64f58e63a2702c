import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { describe, it, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { type KubernetesObject, objectsIn } from "../support/kubectl.ts";
import { WORKFLOW_SOURCES, withComponents } from "../support/overlay.ts";
import { startApiServer } from "./api-server.ts";
import { peer } from "./peers.ts";
import { restrictedV2 } from "./restricted-v2.ts";

const CHART = fileURLToPath(new URL("../../deploy/helm/gh-runner", import.meta.url));
const git = { repository: "https://github.com/acme/workflows" };

const VALUES: Readonly<Record<string, object>> = {
  configMap: { configMap: "my-workflows" },
  image: { image: "/workflows" },
  git: { git },
  "git with SSH": { git: { repository: "git@github.com:acme/workflows", credentials: "ssh" } },
  "git with a GitHub App": {
    git: { ...git, credentials: "githubApp", githubAppId: 1_234_567, githubInstallationId: "12345678" },
  },
  "git, all values": {
    git: {
      ...{ ...git, ref: "release", path: "", period: "1m30s", credentials: "token", secretName: "mine" },
      ...{ image: "registry.example.com/git-sync:1", sizeLimit: "1Gi", resources: { limits: { memory: "1Gi" } } },
      extraEnv: [{ name: "HTTPS_PROXY", value: "http://proxy.example:3128" }],
    },
    check: false,
  },
  oci: { oci: { image: "registry.example.com/my-workflows:1", path: "ci", pullPolicy: "Always" } },
};

function chart(
  t: TestContext,
  version: string,
  values: object,
  args: readonly string[] = [],
): KubernetesObject[] | undefined {
  const program = peer(t, version);
  if (!program) return undefined;
  const settings = { TARGET_REPO: "acme/shop", DEPLOYMENT_REPO: "acme/deployment" };
  const input = JSON.stringify({ image: { repository: "registry.example.com/gh-runner" }, settings, ...values });
  const all = ["template", "gh-runner", CHART, "-n", "gh-runner", "--kube-version", "1.34.0", "-f", "-", ...args];
  const { status, stdout, stderr } = spawnSync(program, all, { input, encoding: "utf8" });
  assert.equal(status, 0, stderr);
  return objectsIn(stdout).filter(({ metadata }) => metadata.annotations?.["helm.sh/hook"] === undefined);
}

/** A pod of the workload. */
function podOf(objects: readonly KubernetesObject[]): KubernetesObject {
  const { spec } = objects.find(({ kind }) => /^(StatefulSet|Deployment)$/.test(kind)) ?? assert.fail();
  const claimed = (spec.volumeClaimTemplates ?? []).map(({ metadata: { name } }: KubernetesObject) => ({
    name,
    persistentVolumeClaim: { claimName: name },
  }));
  const pod = { ...spec.template.spec, volumes: [...spec.template.spec.volumes, ...claimed] };
  return { apiVersion: "v1", kind: "Pod", metadata: { name: "tried", namespace: "gh-runner" }, spec: pod };
}

describe("on a real Kubernetes API server", () => {
  it("each source of workflows is accepted, in a namespace that enforces restricted", {
    timeout: 300_000,
  }, async (t) => {
    const server = await startApiServer(t);
    if (!server) return;
    const take = async (objects: readonly KubernetesObject[], command: string) => {
      const list = JSON.stringify({ apiVersion: "v1", kind: "List", items: objects });
      const { stderr } = await server.shell(`kubectl ${command} --validate=strict -f -`, list);
      assert.equal(stderr, "");
    };
    const taken = async (objects: readonly KubernetesObject[]) => {
      const others = objects.filter(({ kind }) => kind !== "Namespace");
      await take(others, "apply --server-side --force-conflicts");
      await take([podOf(objects)], "create --dry-run=server");
      await server.shell(
        "kubectl delete --wait=false -f -",
        others.map((each) => JSON.stringify(each)).join("\n---\n"),
      );
    };
    for (const store of ["sqlite", "postgres"]) {
      for (const source of WORKFLOW_SOURCES) {
        await t.test(`the component ${source} with ${store}`, async (one) => {
          const more = source === "workflows-git" ? ["workflows-git-ssh"] : [];
          const objects = withComponents(one, store, ["webhook", source, ...more, "ingress", "http-route"]);
          if (objects) await taken(objects);
        });
      }
      for (const version of ["helm3", "helm4"]) {
        for (const [name, workflows] of Object.entries(VALUES)) {
          await t.test(`the value ${name} with ${store}, by ${version}`, async (one) => {
            const objects = chart(one, version, { store, workflows });
            if (objects) await taken(objects);
          });
        }
      }
    }
  });
});

describe("the chart's values for workflows", () => {
  for (const version of ["helm3", "helm4"]) {
    it(`treat null as the default of every field of git, with ${version}`, (t) => {
      const fields = [
        "ref",
        "path",
        "period",
        "credentials",
        "secretName",
        "githubAppId",
        "image",
        "extraEnv",
        "sizeLimit",
      ];
      const nulls = Object.fromEntries([...fields, "githubInstallationId", "resources"].map((field) => [field, null]));
      const objects = chart(t, version, { workflows: { git: { ...git, ...nulls }, oci: { image: null, path: null } } });
      if (objects) assert.deepEqual(objects, chart(t, version, { workflows: { git } }));
    });

    for (const [what, workflows, says] of [
      ["two sources", { git, image: "/workflows" }, /workflows: they come from one place\. Keep one of /],
      ["a GitHub App without numbers", { git: { ...git, credentials: "githubApp" } }, /set githubAppId and /],
      ["an SSH address without SSH", { git: { repository: "git@github.com:a/w" } }, /write https:.*credentials to ssh/],
      ["a folder that is none", { image: "workflows" }, /workflows[./]image/],
      ["a misspelt field", { git: { ...git, branch: "main" } }, /branch/],
    ] as const) {
      it(`reject ${what}, with a message, with ${version}`, (t) => {
        if (peer(t, version)) assert.throws(() => chart(t, version, { workflows }), says);
      });
    }
  }
});

describe("OpenShift's restricted-v2 accepts", () => {
  for (const [name, workflows] of Object.entries(VALUES)) {
    // It lists the kinds of volumes. Image volumes are missing: docs/kubernetes-workflows.md.
    if (name === "oci") continue;
    it(`the value ${name}`, (t) => {
      const onOpenShift = ["--api-versions", "security.openshift.io/v1"];
      const objects = chart(t, "helm4", { workflows }, onOpenShift);
      if (objects) restrictedV2.parse(podOf(objects).spec);
    });
  }
});
