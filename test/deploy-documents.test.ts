import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { load } from "js-yaml";
import { configurationReference } from "../src/service/config/config.ts";
import { documentOf } from "./support/documents.ts";
import { type KubernetesObject, objectsIn } from "./support/kubectl.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const kubernetes = documentOf("docs/kubernetes.md");

describe("the five steps of docs/kubernetes.md", () => {
  it("run the doctor when everything that it checks exists, the workflow of the target repository too", () => {
    const { text } = kubernetes;
    const minutes = text.slice(text.indexOf("## Install"), text.indexOf("## With ArgoCD"));
    const order = ["create secret", "deploy/target/environment-ready.yml", "gh-runner doctor", "/dispatch"];
    const places = order.map((what) => minutes.indexOf(what));
    assert.ok(places.every((place) => place >= 0));
    assert.deepEqual(
      places,
      places.toSorted((one, other) => one - other),
    );
    const steps = [...minutes.matchAll(/^### (\d)\. /gm)].map(([, number]) => Number(number));
    assert.deepEqual(steps, [1, 2, 3, 4, 5]);
  });

  it("show the three keys of ArgoCD's configuration", () => {
    const configMap = objectsIn(readFileSync(`${ROOT}deploy/argocd/argocd-notifications-cm.yaml`, "utf8"))[0];
    const shown = kubernetes.blocks.find(({ text }) => text.startsWith("service.webhook.gh-runner"));
    assert.deepEqual(load(shown?.text ?? ""), configMap.data);
  });
});

describe("docs/kubernetes.md", () => {
  it("names the literal of an overlay that a GitHub App needs", () => {
    assert.match(kubernetes.text, /\nAdd `GITHUB_APP_ID=123456` to the literals of your overlay\./);
    assert.ok(configurationReference().includes("| `GITHUB_APP_ID` |"));
  });

  it("lists every key of the Secret that a manifest names, and no other", () => {
    const manifests = ["base/deployment", "overlays/postgres/replicas", "components/github-app/kustomization"]
      .concat(
        "components/flux/kustomization",
        "components/webhook/kustomization",
        "components/prometheus/service-monitor",
      )
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
  it("gives the Go service's Deployment a volume at the path of the image, writable by the image's user", () => {
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
