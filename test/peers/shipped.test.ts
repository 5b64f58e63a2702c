import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { globSync, symlinkSync } from "node:fs";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { documentOf } from "../support/documents.ts";
import { temporaryFolder } from "../support/folder.ts";
import { type KubernetesObject, objectsIn } from "../support/kubectl.ts";
import { WORKFLOW_SOURCES, withComponents } from "../support/overlay.ts";
import { peer } from "./peers.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** Runs a program and returns its output. The test fails with the output if the program fails. */
function run(program: string, args: readonly string[], { input = "", path = "" } = {}): string {
  const env = { ...process.env, PATH: `${path}:${process.env.PATH}`, NODE_TEST_CONTEXT: undefined };
  const { status, stdout, stderr } = spawnSync(program, args, { cwd: ROOT, input, env, encoding: "utf8" });
  assert.equal(status, 0, stdout + stderr);
  return stdout;
}

describe("actionlint finds nothing in", () => {
  const files = globSync("{.github/workflows,deploy/target,examples/*}/*.yml", { cwd: ROOT });
  for (const file of files) {
    it(file, (t) => {
      const actionlint = peer(t, "actionlint");
      if (actionlint) run(actionlint, [file]);
    });
  }

  const shown = globSync("{*.md,docs/**/*.md,examples/*/*.md}", { cwd: ROOT }).flatMap((file) =>
    documentOf(file).blocks.filter(({ text }) => text.startsWith("# .github/workflows/")),
  );
  for (const { file, text } of shown) {
    it(`${file}, in its documented form`, (t) => {
      const actionlint = peer(t, "actionlint");
      if (actionlint) run(actionlint, [...NEWER, "-"], { input: text });
    });
  }

  it("a correct file, but in a wrong one", (t) => {
    const actionlint = peer(t, "actionlint");
    if (!actionlint) return;
    const input = "on: push\njobs: { a: { runs-on: x, stepz: [] } }\n";
    assert.throws(() => run(actionlint, ["-"], { input }), /stepz/);
    assert.deepEqual([files.length > 8, shown.length], [true, 5]);
  });
});

/** Syntax that GitHub accepts and the peer does not know yet: `concurrency.queue`. */
const NEWER = ["-ignore", 'unexpected key "queue" for "concurrency" section'];

/** Warnings of kube-score that do not apply here, and why. */
const NOT_FOR_US = {
  "container-image-pull-policy": "a release's tag never moves, so a node need not ask for it again",
  "container-ephemeral-storage-request-and-limit":
    "the root is read-only, and the one volume on the node has a sizeLimit",
  "statefulset-has-servicename": "callers need the address of the service; no caller asks for that of its one pod",
  "deployment-has-host-podantiaffinity": "topologySpreadConstraints spread the pods",
};

describe("kube-score has only the warnings with a reason", () => {
  const score = (program: string, manifests: string) => {
    const ignored = Object.keys(NOT_FOR_US).flatMap((check) => ["--ignore-test", check]);
    const args = ["score", "--exit-one-on-warning", "--kubernetes-version=v1.34", ...ignored, "-"];
    run(program, args, { input: manifests });
  };

  for (const store of ["sqlite", "postgres"]) {
    it(`in the overlay ${store} with every component`, (t) => {
      const program = peer(t, "kube-score");
      const objects = program && withComponents(t, store);
      if (objects) score(program, objects.map((object) => JSON.stringify(object)).join("\n---\n"));
    });

    for (const source of WORKFLOW_SOURCES) {
      it(`in the overlay ${store} with ${source}, an Ingress and an HTTPRoute`, (t) => {
        const program = peer(t, "kube-score");
        const objects = program && withComponents(t, store, [source, "ingress", "http-route"]);
        if (objects) score(program, objects.map((object) => JSON.stringify(object)).join("\n---\n"));
      });
    }

    it(`in the chart with ${store} and everything on`, (t) => {
      const [program, helm] = [peer(t, "kube-score"), peer(t, "helm4")];
      if (!program || !helm) return;
      const settings = { TARGET_REPO: "acme/shop", DEPLOYMENT_REPO: "acme/deployment", GITHUB_APP_ID: 123_456 };
      const values = { image: { repository: "registry.example.com/gh-runner" }, settings, store };
      const input = JSON.stringify({ ...values, flux: true, githubApp: true, serviceMonitor: true });
      const args = ["template", "gh-runner", "deploy/helm/gh-runner", "-n", "gh-runner", "-f", "-"];
      // The pod of `helm test` lives for a second, so it needs no policy.
      const isHook = ({ metadata }: KubernetesObject) => metadata.annotations?.["helm.sh/hook"] !== undefined;
      const objects = objectsIn(run(helm, args, { input })).filter((object) => !isHook(object));
      score(program, objects.map((object) => JSON.stringify(object)).join("\n---\n"));
    });
  }
});

describe("the chart", () => {
  for (const version of ["helm3", "helm4"]) {
    it(`passes its tests with ${version}`, (t) => {
      const helm = peer(t, version);
      if (!helm) return;
      const path = temporaryFolder(t);
      symlinkSync(helm, `${path}/helm`);
      run(process.execPath, ["--test", "test/deploy-helm.test.ts"], { path });
    });
  }
});
