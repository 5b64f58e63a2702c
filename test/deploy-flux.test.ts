import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { describe, it, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { startGitHub } from "../sandbox/github.ts";
import { temporaryFolder } from "./support/folder.ts";
import { objectsIn } from "./support/kubectl.ts";
import { withComponents } from "./support/overlay.ts";
import { eventually, fixedPort, listening, spawnService } from "./support/process.ts";
import { DEPLOYMENT, send, TARGET, TOKEN } from "./support/service.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const manifest = (file: string) => objectsIn(readFileSync(`${ROOT}deploy/${file}`, "utf8"))[0];
const provider = manifest("flux/provider.yaml");
const alert = manifest("flux/alert.yaml");

const KEY = "the key of Flux's secret";
const COMMIT = "5b7c9e1f3a2d4c6e8f0a1b2c3d4e5f6a7b8c9d0e";

/** As notification-controller forwards an event of kustomize-controller. */
function event(name: string, facts: Readonly<Record<string, unknown>> = {}) {
  return JSON.stringify({
    involvedObject: {
      kind: "Kustomization",
      namespace: "flux-system",
      name,
      uid: `uid-of-${name}`,
      apiVersion: "kustomize.toolkit.fluxcd.io/v1",
    },
    severity: "info",
    timestamp: "2026-11-24T12:00:00Z",
    message: "Reconciliation finished in 1.234s, next run in 10m0s",
    reason: "ReconciliationSucceeded",
    metadata: { revision: `main@sha1:${COMMIT}` },
    reportingController: "kustomize-controller",
    ...facts,
  });
}

function forward(port: number, body: string, key = KEY) {
  return send(`http://127.0.0.1:${port}`, {
    method: "POST",
    path: new URL(provider.spec.address).pathname,
    body,
    headers: {
      "content-type": "application/json",
      "gotk-component": "kustomize-controller",
      "x-signature": `sha256=${createHmac("sha256", key).update(body).digest("hex")}`,
    },
  });
}

/** A folder as the kubelet mounts a ConfigMap: names are links into a dated folder. */
function mounted(t: TestContext, data: Readonly<Record<string, string>>): string {
  const folder = temporaryFolder(t);
  mkdirSync(`${folder}/..2026_11_24`);
  symlinkSync("..2026_11_24", `${folder}/..data`);
  for (const [name, text] of Object.entries(data)) {
    writeFileSync(`${folder}/..2026_11_24/${name}`, text);
    symlinkSync(`..data/${name}`, `${folder}/${name}`);
  }
  return folder;
}

describe("what Flux is configured with", () => {
  it("refers from the Alert to the Provider to the Service", () => {
    assert.equal(alert.spec.providerRef.name, provider.metadata.name);
    assert.equal(alert.metadata.namespace, provider.metadata.namespace);
    assert.equal(provider.spec.type, "generic-hmac");
    const service = manifest("kubernetes/base/service.yaml");
    const namespace = manifest("kubernetes/base/namespace.yaml");
    const host = `${service.metadata.name}.${namespace.metadata.name}.svc:${service.spec.ports[0].port}`;
    assert.equal(new URL(provider.spec.address).host, host);
  });
});

/** The service as the component `flux` runs it, in front of a stand-in GitHub. Undefined without kubectl. */
async function withFlux(t: TestContext, settings: Readonly<Record<string, string>> = {}) {
  const objects = withComponents(t, "sqlite", ["flux"]);
  if (!objects) return undefined;
  const { data } = objects.find(({ metadata }) => metadata.name.startsWith("gh-runner-workflows-"));
  const container = objects.find(({ kind }) => kind === "StatefulSet").spec.template.spec.containers[0];
  const variables = new Set(container.env.map(({ name }: { name: string }) => name));
  assert.ok(variables.has("WORKFLOWS_DIR") && variables.has("FLUX_HMAC_KEY_FILE"));

  const github = await startGitHub();
  t.after(() => github.close());
  github.token(TOKEN);
  github.repository(TARGET);

  const port = await fixedPort();
  const key = `${temporaryFolder(t)}/flux-hmac-key`;
  writeFileSync(key, KEY);
  const service = spawnService(t, {
    port,
    dataDir: temporaryFolder(t),
    githubUrl: github.url,
    settings: { WORKFLOWS_DIR: mounted(t, data), FLUX_HMAC_KEY_FILE: key, ...settings },
  });
  await listening(service, port);
  return { github, port, service };
}

describe("an event of Flux", () => {
  it("reaches the workflow in its ConfigMap, and dispatches the tag of the values file at the applied commit", async (t) => {
    const started = await withFlux(t);
    if (!started) return;
    const { github, port, service } = started;
    const values = (tag: string) => `global:\n  config:\n    DEPLOYMENT_TAG: ${tag}\n`;
    github.repository(DEPLOYMENT).put("configs/pr/light/pr-1234/values.yaml", values("newer"));
    github.repository(DEPLOYMENT).put("configs/pr/light/pr-1234/values.yaml", values("applied"), COMMIT);

    for (const [body, status] of [
      [event("flux-system"), "ignored"],
      [event("pr-1234", { reason: "Progressing" }), "ignored"],
      [event("pr-1234", { reason: "HealthCheckFailed", severity: "error" }), "ignored"],
      [event("pr-1234"), "queued"],
    ] as const) {
      assert.equal((await forward(port, body)).json.status, status, service.output());
    }
    assert.equal((await forward(port, event("pr-1234"), "another key")).status, 401);
    await eventually("it is dispatched", 60_000, () => github.dispatches.length > 0);
    assert.deepEqual(
      github.dispatches.map(({ repo, eventType, payload }) => ({ repo, eventType, payload })),
      [{ repo: TARGET, eventType: "environment_ready", payload: { commitHash: "applied", sourceName: "pr-1234" } }],
    );
  });

  it("follows the settings for environment-ready", async (t) => {
    const started = await withFlux(t, {
      VALUES_PATHS: "envs/{application}.yaml",
      TAG_KEY: "image.tag",
      EVENT_TYPE: "deployed",
      APPLICATION_PREFIX: "env-",
      FOLLOW: "status",
    });
    if (!started) return;
    const { github, port, service } = started;
    github.repository(DEPLOYMENT).put("envs/env-7.yaml", "image:\n  tag: applied\n", COMMIT);

    assert.equal((await forward(port, event("pr-1234"))).json.status, "ignored", service.output());
    const { json } = await forward(port, event("env-7"));
    assert.equal(json.status, "queued", service.output());
    await eventually("it is dispatched", 60_000, () => github.dispatches.length > 0);
    const { eventType, payload } = github.dispatches[0] ?? {};
    assert.equal(eventType, "deployed");
    const { run, ...rest } = payload as { readonly run: string };
    assert.deepEqual(rest, { commitHash: "applied", sourceName: "env-7" });
    assert.equal(typeof run, "string");

    const previews = await send(`http://127.0.0.1:${port}`, { method: "GET", path: "/api/previews" });
    assert.deepEqual(
      previews.json.previews.map((each: { application: string; commit: { name: string } }) => [
        each.application,
        each.commit.name,
      ]),
      [["env-7", "applied"]],
    );
  });
});
