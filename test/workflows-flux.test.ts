import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { describe, it, type TestContext } from "node:test";
import { send, startService } from "./support/service.ts";
import { workflowsFolder } from "./support/workflows.ts";

const KEY = "the key of Flux's secret";
const COMMIT = "5b7c9e1f3a2d4c6e8f0a1b2c3d4e5f6a7b8c9d0e";

/** An event in the format of notification-controller's forwarder. */
function event(facts: Readonly<Record<string, unknown>> = {}, revision = `main@sha1:${COMMIT}`) {
  return {
    involvedObject: {
      kind: "Kustomization",
      namespace: "flux-system",
      name: "pr-1234",
      uid: "7d0cdc51-ddcf-4743-b223-83ca5c699632",
      apiVersion: "kustomize.toolkit.fluxcd.io/v1",
      resourceVersion: "12345",
    },
    severity: "info",
    timestamp: "2026-11-24T12:00:00Z",
    message: "Reconciliation finished in 1.234s, next run in 10m0s",
    reason: "ReconciliationSucceeded",
    metadata: { "kustomize.toolkit.fluxcd.io/revision": revision },
    reportingController: "kustomize-controller",
    reportingInstance: "kustomize-controller-6c8f7d9b5-abcde",
    ...facts,
  };
}

function forward(url: string, body: unknown, sign: string | undefined, path = "/flux") {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const headers: Record<string, string> = {
    "content-type": "application/json",
    "gotk-component": "kustomize-controller",
  };
  if (sign) headers["x-signature"] = sign;
  return send(url, { method: "POST", path, body: text, headers });
}

const signed = (body: unknown, algorithm = "sha256", key = KEY) =>
  `${algorithm}=${createHmac(algorithm, key).update(JSON.stringify(body)).digest("hex")}`;

const WORKFLOW = (extra = "") => `import { defineWorkflow } from "gh-runner";
export default defineWorkflow({
  name: "deployed",
  on: { flux: { path: "/flux", filter: (event) => event.severity === "info"${extra} } },
  concurrency: ({ body }) => body.involvedObject.name,
  async run({ body }) { return { name: body.involvedObject.name, commit: body.commit ?? null, metadata: body.metadata }; },
});`;

const service = (t: TestContext, settings: Record<string, string> = {}, extra = "") =>
  startService(t, { settings: { WORKFLOWS_DIR: workflowsFolder(t, { "flux.ts": WORKFLOW(extra) }), ...settings } });

const runsOf = async (url: string) => (await send(url, { path: "/api/runs" })).json.runs;

async function ended(url: string, id: string) {
  for (;;) {
    const run = (await send(url, { path: `/api/runs/${id}` })).json;
    if (run.status !== "queued" && run.status !== "running") return run;
  }
}

describe("an event of Flux", () => {
  for (const algorithm of ["sha256", "sha512"]) {
    it(`that is signed with ${algorithm} starts the workflow, with its commit`, async (t) => {
      const { url } = await service(t, { FLUX_HMAC_KEY: KEY });
      const answer = await forward(url, event(), signed(event(), algorithm));
      assert.equal(answer.status, 202);
      const run = await ended(url, answer.json.run);
      assert.deepEqual(run.outputs, {
        name: "pr-1234",
        commit: COMMIT,
        metadata: { revision: `main@sha1:${COMMIT}` },
      });
    });
  }

  it("with a wrong signature, or none, is a 401 and nothing is stored", async (t) => {
    const { url } = await service(t, { FLUX_HMAC_KEY: KEY });
    for (const wrong of [
      undefined,
      signed(event(), "sha256", "another"),
      signed(event({ reason: "x" })),
      signed(event(), "sha1"),
    ]) {
      const answer = await forward(url, event(), wrong);
      assert.equal(answer.status, 401);
      assert.match(answer.json.detail, /generic-hmac/);
    }
    assert.equal((await runsOf(url)).length, 0);
  });

  it("is signed with the key of the workflow if it names one", async (t) => {
    const { url } = await service(t, { FLUX_HMAC_KEY: "of the service", MY_KEY: KEY }, ', key: "MY_KEY"');
    assert.equal((await forward(url, event(), signed(event()))).status, 202);
    assert.equal((await forward(url, event(), signed(event(), "sha256", "of the service"))).status, 401);
  });

  it("may be signed with any of several keys, one on each line, the service's or the workflow's", async (t) => {
    const keys = `the old key\n${KEY}`;
    for (const [settings, more] of [
      [{ FLUX_HMAC_KEY: keys }, ""],
      [{ MY_KEY: keys }, ', key: "MY_KEY"'],
    ] as const) {
      const { url, log } = await service(t, { ...settings }, more);
      assert.equal((await forward(url, event(), signed(event()))).status, 202);
      assert.equal((await forward(url, event(), signed(event(), "sha512", "the old key"))).status, 202);
      assert.equal((await forward(url, event(), `${signed(event())}0`)).status, 401);
      assert.equal((await forward(url, event(), signed(event(), "sha256", keys))).status, 401);
      assert.equal(log().filter(({ credential }) => credential === "flux_signature").length, 1);
    }
  });

  it("without a key is accepted like any caller", async (t) => {
    const { url } = await service(t, { AUTH_TOKENS: "a-token-of-ours" });
    assert.equal((await forward(url, event(), undefined)).status, 401);
    const headers = { authorization: "Bearer a-token-of-ours" };
    const body = JSON.stringify(event());
    assert.equal((await send(url, { method: "POST", path: "/flux", body, headers })).status, 202);
  });

  it("that repeats another one starts no run; a new revision does, and so does a roll-back", async (t) => {
    const { url } = await service(t, { FLUX_HMAC_KEY: KEY });
    const tell = async (body: object) => (await forward(url, body, signed(body))).json.run;
    const first = await tell(event());
    const again = await tell(event({ message: "Reconciliation finished in 0.9s", timestamp: "2026-11-24T12:10:00Z" }));
    assert.equal(again, first);
    const next = await tell(event({}, `main@sha1:${"a".repeat(40)}`));
    const back = await tell(event());
    assert.equal(new Set([first, next, back]).size, 3);
  });

  it("may lack metadata, or write it without prefix", async (t) => {
    const { url } = await service(t, { FLUX_HMAC_KEY: KEY });
    const bare = event({ metadata: undefined, reason: "Progressing" });
    assert.equal((await ended(url, (await forward(url, bare, signed(bare))).json.run)).outputs.commit, null);
    const plain = event({ metadata: { revision: `main@sha1:${COMMIT}` } });
    assert.equal((await ended(url, (await forward(url, plain, signed(plain))).json.run)).outputs.commit, COMMIT);
  });

  describe("has as its commit", () => {
    const other = "c".repeat(40);
    const digest = "d".repeat(64);
    for (const [what, metadata, commit] of [
      ["none for an OCI artifact's digest", { revision: `latest@sha256:${digest}` }, null],
      ["none for a bucket's digest", { revision: `sha256:${digest}` }, null],
      ["none for 64 digits, which no commit of GitHub's has", { revision: digest }, null],
      [
        "the commit from which an OCI artifact was made",
        { revision: `latest@sha256:${digest}`, originRevision: `main@sha1:${COMMIT}` },
        COMMIT,
      ],
      ["what `commit` says before all else", { commit: COMMIT, originRevision: `main@sha1:${other}` }, COMMIT],
      [
        "`originRevision` before `revision`",
        { originRevision: `sha1:${COMMIT}`, revision: `main@sha1:${other}` },
        COMMIT,
      ],
      ["the commit of a branch with a slash", { revision: `feature/x@sha1:${COMMIT}` }, COMMIT],
      ["the commit as Flux before 2.0 wrote it", { revision: `main/${COMMIT}` }, COMMIT],
      ["none for a chart's version", { revision: "6.5.4" }, null],
    ] as const) {
      it(what, async (t) => {
        const { url } = await service(t, { FLUX_HMAC_KEY: KEY });
        const prefixed = Object.entries(metadata).map(([name, value]) => [
          `kustomize.toolkit.fluxcd.io/${name}`,
          value,
        ]);
        for (const given of [metadata, Object.fromEntries(prefixed)]) {
          const body = event({ metadata: given, reason: given === metadata ? "Plain" : "Prefixed" });
          const run = await ended(url, (await forward(url, body, signed(body))).json.run);
          assert.equal(run.outputs.commit, commit);
        }
      });
    }
  });

  it("about a second release of one chart version is another run; a retry of its delivery is not", async (t) => {
    const { url } = await service(t, { FLUX_HMAC_KEY: KEY });
    const release = (version: number) =>
      event({
        involvedObject: { ...event().involvedObject, kind: "HelmRelease" },
        reason: "UpgradeSucceeded",
        message: `Helm upgrade succeeded for release apps/pr-1234.v${version} with chart preview@6.5.4`,
        metadata: { "helm.toolkit.fluxcd.io/revision": "6.5.4" },
        timestamp: `2026-11-24T12:0${version}:00Z`,
      });
    const tell = async (version: number) =>
      (await forward(url, release(version), signed(release(version)))).json.run as string;
    const second = await tell(2);
    assert.equal(await tell(2), second);
    const third = await tell(3);
    assert.notEqual(third, second);
    assert.equal(await tell(3), third);
    assert.equal((await runsOf(url)).length, 2);
  });

  it("that the filter rejects makes no run; an invalid one is a 400 that names the fields", async (t) => {
    const { url } = await service(t, { FLUX_HMAC_KEY: KEY });
    const error = event({ severity: "error" });
    assert.equal((await forward(url, error, signed(error))).json.status, "ignored");
    const answer = await forward(url, { hello: 1 }, signed({ hello: 1 }));
    assert.equal(answer.status, 400);
    assert.match(answer.json.detail, /involvedObject/);
    assert.equal((await runsOf(url)).length, 0);
  });
});
