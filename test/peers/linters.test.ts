import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { globSync } from "node:fs";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { documentOf } from "../support/documents.ts";
import { objectsIn } from "../support/kubectl.ts";
import { withComponents } from "../support/overlay.ts";
import { peer } from "./peers.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** Ends the test with what a linter printed, unless it found nothing. */
function clean(program: string, args: readonly string[], input = "") {
  const { status, stdout, stderr } = spawnSync(program, args, { cwd: ROOT, input, encoding: "utf8" });
  assert.equal(status, 0, stdout + stderr);
}

describe("actionlint finds nothing in", () => {
  const files = globSync("{.github/workflows,deploy/target,examples/*}/*.yml", { cwd: ROOT });
  for (const file of files) {
    it(file, (t) => {
      const actionlint = peer(t, "actionlint");
      if (actionlint) clean(actionlint, [file]);
    });
  }

  const shown = globSync("{*.md,docs/**/*.md,examples/*/*.md}", { cwd: ROOT }).flatMap((file) =>
    documentOf(file).blocks.filter(({ text }) => text.startsWith("# .github/workflows/")),
  );
  for (const { file, text } of shown) {
    it(`${file}, as a document shows it`, (t) => {
      const actionlint = peer(t, "actionlint");
      if (actionlint) clean(actionlint, ["-"], text);
    });
  }

  it("a file, and finds a mistake", (t) => {
    const actionlint = peer(t, "actionlint");
    if (!actionlint) return;
    assert.throws(() => clean(actionlint, ["-"], "on: push\njobs: { a: { runs-on: x, stepz: [] } }\n"), /stepz/);
    assert.deepEqual([files.length > 8, shown.length], [true, 3]);
  });
});

/** What kube-score warns of and is as it should be. */
const NOT_FOR_US = {
  "container-image-pull-policy": "a release's tag never moves, so a node need not ask for it again",
  "container-ephemeral-storage-request-and-limit":
    "the root is read-only, and the one volume on the node has a sizeLimit",
  "statefulset-has-servicename": "callers need the address of the service; nobody asks for that of its one pod",
  "deployment-has-host-podantiaffinity": "topologySpreadConstraints spread the pods",
};

function rendered(helm: string, store: string): string {
  const settings = { TARGET_REPO: "acme/shop", DEPLOYMENT_REPO: "acme/deployment" };
  const values = { image: { repository: "registry.example.com/gh-runner" }, settings, store };
  const input = JSON.stringify({ ...values, flux: true, githubApp: true, serviceMonitor: true });
  const args = ["template", "gh-runner", "deploy/helm/gh-runner", "-n", "gh-runner", "-f", "-"];
  const { status, stdout, stderr } = spawnSync(helm, args, { cwd: ROOT, input, encoding: "utf8" });
  assert.equal(status, 0, stderr);
  return stdout;
}

describe("kube-score warns of nothing that has no reason", () => {
  const score = (program: string, manifests: string) => {
    const ignored = Object.keys(NOT_FOR_US).flatMap((check) => ["--ignore-test", check]);
    clean(program, ["score", "--exit-one-on-warning", "--kubernetes-version=v1.34", ...ignored, "-"], manifests);
  };

  for (const store of ["sqlite", "postgres"]) {
    it(`in the overlay ${store} with every component`, (t) => {
      const program = peer(t, "kube-score");
      const objects = program && withComponents(t, store);
      if (objects) score(program, objects.map((object) => JSON.stringify(object)).join("\n---\n"));
    });

    it(`in what Helm 3 and Helm 4 make of the chart with ${store}, which is the same`, (t) => {
      const [program, ...helms] = [peer(t, "kube-score"), peer(t, "helm3"), peer(t, "helm4")];
      const [one = "", other = ""] = helms.map((helm) => helm && rendered(helm, store));
      if (!program || !one || !other) return;
      assert.deepEqual(objectsIn(one), objectsIn(other));
      score(program, one);
    });
  }
});
