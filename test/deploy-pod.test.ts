import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { startGitHub } from "../sandbox/github.ts";
import { temporaryFolder } from "./support/folder.ts";
import type { KubernetesObject } from "./support/kubectl.ts";
import { withComponents } from "./support/overlay.ts";
import { dispatchTo, fixedPort, listening, spawnService } from "./support/process.ts";
import { DEPLOYMENT, deploy, send, TARGET, TOKEN } from "./support/service.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

describe("the service in the pod of the manifests", () => {
  it("starts with the variables, secrets and folders of the manifests, and dispatches", async (t) => {
    const objects = withComponents(t, "sqlite", ["flux", "webhook"]);
    if (!objects) return;
    const { spec } = objects.find(({ kind }) => kind === "StatefulSet").spec.template;
    const [container] = spec.containers;
    const configMap = (name: string): KubernetesObject =>
      objects.find(({ kind, metadata }) => kind === "ConfigMap" && metadata.name === name);

    // Every folder of the pod is below a folder of this test.
    const root = temporaryFolder(t);
    for (const { mountPath } of container.volumeMounts) mkdirSync(`${root}${mountPath}`, { recursive: true });
    const secrets = {
      "github-token": `${TOKEN}\n`,
      "auth-tokens": "of-argocd,of-prometheus",
      "flux-hmac-key": "of-flux",
      "github-webhook-secret": "of-github",
    };
    for (const [key, text] of Object.entries(secrets)) writeFileSync(`${root}/run/secrets/gh-runner/${key}`, text);
    const workflows = spec.volumes.find(({ name }: { name: string }) => name === "workflows").configMap.name;
    for (const [name, text] of Object.entries<string>(configMap(workflows).data)) {
      writeFileSync(`${root}/workflows/${name}`, text);
    }
    const variables = container.env.map(({ name, value }: { name: string; value: string }) => [
      name,
      `${root}${value}`,
    ]);

    const github = await startGitHub();
    t.after(() => github.close());
    github.token(TOKEN);
    github.repository(TARGET);
    github.repository(DEPLOYMENT);
    deploy(github, "pr-1", "4f2c9e1");
    const port = await fixedPort();
    const service = spawnService(t, {
      port,
      dataDir: "",
      githubUrl: github.url,
      settings: {
        GITHUB_TOKEN: "",
        ...configMap(container.envFrom[0].configMapRef.name).data,
        ...Object.fromEntries(variables),
      },
    });
    await listening(service, port);

    const url = `http://127.0.0.1:${port}`;
    for (const probe of [container.startupProbe, container.livenessProbe, container.readinessProbe]) {
      assert.equal((await send(url, { path: probe.httpGet.path })).status, 200);
    }
    assert.equal((await send(url, { method: "POST", path: "/webhooks/github", body: "{}" })).status, 401);
    assert.equal((await dispatchTo(port, { application: "pr-1" }))?.status, 401);
    const sent = await dispatchTo(port, { application: "pr-1" }, { authorization: "Bearer of-argocd" });
    assert.equal(sent?.text, '{"status":"success","commitHash":"4f2c9e1","sourceName":"pr-1"}');
    assert.equal(
      (await send(url, { path: "/metrics", headers: { authorization: "Bearer of-prometheus" } })).status,
      200,
    );
    assert.ok(existsSync(`${root}/data/gh-runner.sqlite`));
  });

  it("has the user, the folder and the port of the image", (t) => {
    if (!existsSync(`${ROOT}Dockerfile`)) return t.skip("there is no Dockerfile yet");
    const image = readFileSync(`${ROOT}Dockerfile`, "utf8");
    const base = readFileSync(`${ROOT}deploy/kubernetes/base/deployment.yaml`, "utf8");
    const [, user = ""] = /^USER (\d+)/m.exec(image) ?? [];
    for (const field of ["runAsUser", "runAsGroup", "fsGroup"]) assert.ok(base.includes(`${field}: ${user}\n`), field);
    const [, port = ""] = /^EXPOSE (\d+)/m.exec(image) ?? [];
    assert.ok(base.includes(`containerPort: ${port}\n`));
    const [, folder = ""] = /\bDATA_DIR=(\S+)/.exec(image) ?? [];
    assert.ok(base.includes(`mountPath: ${folder}\n`));
  });
});
