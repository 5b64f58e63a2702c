import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { load } from "js-yaml";
import { readConfig } from "../src/service/config/config.ts";
import { objectsIn } from "./support/kubectl.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const manifest = (file: string) => objectsIn(readFileSync(`${ROOT}deploy/argocd/${file}`, "utf8"))[0];
const configMap = manifest("argocd-notifications-cm.yaml");
const applicationSet = manifest("application-set.yaml");

type Webhook = { url: string; headers: { name: string; value: string }[] };
const part = <T>(key: string) => load(configMap.data[key]) as T;
const service = part<Webhook>("service.webhook.gh-runner");
const template = part<{ webhook: Record<string, { method: string; path?: string; body: string }> }>(
  "template.environment-ready",
);
const [trigger, ...otherConditions] =
  part<{ when: string; send: string[]; oncePer?: string }[]>("trigger.on-environment-ready");
const webhook = template.webhook["gh-runner"] ?? assert.fail("the template has no webhook of the service's name");
const annotation = "notifications.argoproj.io/subscribe.on-environment-ready.gh-runner";

describe("what ArgoCD is configured with", () => {
  it("names one service, one template and one trigger, which refer to each other", () => {
    assert.deepEqual(Object.keys(configMap.data).sort(), [
      "service.webhook.gh-runner",
      "template.environment-ready",
      "trigger.on-environment-ready",
    ]);
    assert.deepEqual(Object.keys(template.webhook), ["gh-runner"]);
    assert.deepEqual(otherConditions, []);
    assert.deepEqual(trigger?.send, ["environment-ready"]);
    assert.deepEqual(applicationSet.spec.template.metadata.annotations, { [annotation]: "" });
    assert.deepEqual([configMap.metadata.name, configMap.metadata.namespace], ["argocd-notifications-cm", "argocd"]);
  });

  it("sets nothing that breaks delivery: POST, no oncePer, no waits", () => {
    assert.equal(webhook.method, "POST");
    assert.deepEqual(Object.keys(trigger ?? {}).sort(), ["send", "when"]);
    assert.deepEqual(Object.keys(service).sort(), ["headers", "url"]);
    assert.deepEqual(service.headers, [
      { name: "Authorization", value: "Bearer $gh-runner-token" },
      { name: "Prefer", value: "respond-async" },
    ]);
  });

  it("makes applications from the folders in which the service looks for values files, and fails if a name is missing", () => {
    const { goTemplate, goTemplateOptions, generators } = applicationSet.spec;
    assert.deepEqual([goTemplate, goTemplateOptions], [true, ["missingkey=error"]]);
    const { valuesPaths } = readConfig({}).workflows;
    assert.deepEqual(
      generators[0].git.directories,
      valuesPaths.map((path) => ({ path: path.replace("{application}/values.yaml", "*") })),
    );
  });

  it("sends to the Service of the manifests", () => {
    const made = objectsIn(readFileSync(`${ROOT}deploy/kubernetes/base/service.yaml`, "utf8"))[0];
    const namespace = objectsIn(readFileSync(`${ROOT}deploy/kubernetes/base/namespace.yaml`, "utf8"))[0];
    const { host } = new URL(service.url);
    assert.equal(host, `${made.metadata.name}.${namespace.metadata.name}.svc:${made.spec.ports[0].port}`);
  });
});
