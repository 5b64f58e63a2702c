import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { load } from "js-yaml";
import { APPLICATIONS, REVISION } from "./support/applications.ts";
import { ARGOCD_VERSIONS, renderedByGo } from "./support/argocd.ts";
import { objectsIn } from "./support/kubectl.ts";
import { eventually } from "./support/process.ts";
import { DEPLOYMENT, deploy, send, startService } from "./support/service.ts";

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

const TOKEN = "token-of-argocd";

/** POSTs as notifications-engine does: its headers and no content type, secrets put in, the service's URL. */
function deliver(url: string, body: string, secret: Readonly<Record<string, string>> = { "gh-runner-token": TOKEN }) {
  const headers: Record<string, string> = { "user-agent": "Go-http-client/1.1", "accept-encoding": "gzip" };
  for (const { name, value } of service.headers) {
    headers[name.toLowerCase()] = value.replace(/[$][\w-]+/g, (reference) => secret[reference.slice(1)] ?? reference);
  }
  headers["content-length"] = String(Buffer.byteLength(body));
  return send(url, { method: webhook.method, path: new URL(service.url).pathname, body, headers });
}

const rendered = (t: TestContext, applications: readonly object[]) =>
  renderedByGo(t, { body: webhook.body, when: trigger?.when ?? "", variables: applications.map((app) => ({ app })) });

describe("what ArgoCD is configured with", () => {
  it("names one service, one template and one trigger, which lead to each other", () => {
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

  it("sets nothing that breaks delivery: POST, no oncePer, no waits of its own", () => {
    assert.equal(webhook.method, "POST");
    assert.deepEqual(Object.keys(trigger ?? {}).sort(), ["send", "when"]);
    assert.deepEqual(Object.keys(service).sort(), ["headers", "url"]);
    assert.deepEqual(service.headers, [
      { name: "Authorization", value: "Bearer $gh-runner-token" },
      { name: "Prefer", value: "respond-async" },
    ]);
  });

  it("sends to the Service that the manifests make", () => {
    const made = objectsIn(readFileSync(`${ROOT}deploy/kubernetes/base/service.yaml`, "utf8"))[0];
    const namespace = objectsIn(readFileSync(`${ROOT}deploy/kubernetes/base/namespace.yaml`, "utf8"))[0];
    const { host } = new URL(service.url);
    assert.equal(host, `${made.metadata.name}.${namespace.metadata.name}.svc:${made.spec.ports[0].port}`);
  });
});

describe("the notification of an application", () => {
  for (const [name, { app, triggers, revision }] of Object.entries(APPLICATIONS)) {
    it(`${name} is ${triggers ? "sent" : "not sent"}, and is what the service takes`, async (t) => {
      const [answer] = rendered(t, [app]) ?? [];
      if (!answer) return;
      assert.equal(answer.error, undefined);
      // Neither an error nor undefined: ArgoCD writes both into its log as errors, for each application at each look.
      assert.deepEqual(answer.triggered, Object.fromEntries(ARGOCD_VERSIONS.map((version) => [version, triggers])));
      const application = (app.metadata as { name: string }).name;
      assert.deepEqual(JSON.parse(answer.body), { application, revision });

      const { github, url } = await startService(t, { settings: { AUTH_TOKENS: TOKEN } });
      for (const [ref, tag] of Object.entries({ main: "of-the-branch", [REVISION]: "of-the-revision" })) {
        const text = `global:\n  config:\n    DEPLOYMENT_TAG: ${tag}\n`;
        github.repository(DEPLOYMENT).put(`configs/pr/light/${application}/values.yaml`, text, ref);
      }
      const commitHash = revision ? "of-the-revision" : "of-the-branch";
      const taken = await deliver(url, answer.body);
      assert.deepEqual([taken.status, taken.json.status], [202, "queued"]);
      await eventually("it is dispatched", 20_000, () => github.dispatches.length > 0);
      assert.deepEqual(
        github.dispatches.map(({ repo, eventType, payload }) => ({ repo, eventType, payload })),
        [{ repo: "acme/shop", eventType: "environment_ready", payload: { commitHash, sourceName: application } }],
      );
    });
  }

  it("is JSON whatever the application is called", (t) => {
    const names = ['pr-"1"', "pr-\\", "pr-\n", "pr-</script>", "pr-ž", "{{ .app }}"];
    const answers = rendered(
      t,
      names.map((name) => ({ metadata: { name } })),
    );
    if (!answers) return;
    assert.deepEqual(
      answers.map(({ body }) => JSON.parse(body).application),
      names,
    );
  });

  it("is answered as soon as it is stored, however long GitHub takes, so that ArgoCD goes on to the next", async (t) => {
    const { github, url } = await startService(t, { settings: { AUTH_TOKENS: TOKEN } });
    deploy(github, "pr-1", "abc");
    const hanging = github.fault({ method: "GET" }, { kind: "hang" });
    assert.equal((await deliver(url, '{"application": "pr-1", "revision": null}')).status, 202);
    assert.equal(github.dispatches.length, 0);
    hanging.remove();
  });

  it("of an application without a values file is taken once, and its run fails; ArgoCD has nothing to send again", async (t) => {
    const { url, log } = await startService(t, { settings: { AUTH_TOKENS: TOKEN } });
    assert.equal((await deliver(url, '{"application": "pr-1", "revision": null}')).status, 202);
    await eventually("an attempt has ended", 20_000, () => log().some(({ attempt }) => attempt !== undefined));
    const answer = await send(url, { path: "/api/runs", headers: { authorization: `Bearer ${TOKEN}` } });
    assert.deepEqual(
      answer.json.runs.map(({ status }: { status: string }) => status),
      ["failure"],
    );
  });

  it("with a mistake in it is told so at once, in an answer that ArgoCD puts into its log", async (t) => {
    const { github, url } = await startService(t, { settings: { AUTH_TOKENS: TOKEN } });
    for (const body of ['{"application": "<no value>"}', '{"application": null}', '{"application": ']) {
      const refused = await deliver(url, body);
      assert.equal(refused.status, 400);
      assert.ok(refused.json.detail.length > 0);
    }
    assert.equal(github.requests.length, 0);
  });

  it("without the key in argocd-notifications-secret is refused, and dispatches nothing", async (t) => {
    const { github, url } = await startService(t, { settings: { AUTH_TOKENS: TOKEN } });
    const refused = await deliver(url, '{"application": "pr-1", "revision": null}', {});
    assert.equal(refused.status, 401);
    assert.equal(github.dispatches.length, 0);
  });
});

describe("the ApplicationSet", () => {
  it("names an application like the folder of its values file", (t) => {
    const { goTemplateOptions, generators, template: made } = applicationSet.spec;
    assert.deepEqual(goTemplateOptions, ["missingkey=error"]);
    const paths = generators[0].git.directories.map((directory: { path: string }) => directory.path);
    assert.deepEqual(paths, ["configs/pr/light/*", "configs/pr/heavy/*"]);
    const answers = renderedByGo(t, {
      body: `${made.metadata.name} ${made.spec.source.path} ${made.spec.destination.namespace}`,
      missingKeyIsError: true,
      variables: [{ path: { path: "configs/pr/heavy/pr-1234", basename: "pr-1234" } }],
    });
    if (answers) assert.equal(answers[0]?.body, "pr-1234 configs/pr/heavy/pr-1234 pr-1234");
  });
});
