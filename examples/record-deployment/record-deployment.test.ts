import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { startExample } from "../../test/support/example.ts";

const COMMIT = "5b7c9e1f3a2d4c6e8f0a1b2c3d4e5f6a7b8c9d0e";
const CREATE = "POST /repos/{owner}/{repo}/deployments";
const STATUS = "POST /repos/{owner}/{repo}/deployments/{deployment_id}/statuses";

async function scene(t: TestContext) {
  const example = await startExample(t, "record-deployment");
  const shop = example.github.repository("acme/shop");
  shop.addCommit(COMMIT);
  const states = () => shop.deployments.map(({ environment, statuses }) => [environment, ...statuses.map(stateOf)]);
  return { ...example, shop, states };
}

const stateOf = ({ state }: { state: string }) => state;

const argocd = (phase: string) => ({
  application: "pr-7",
  repository: "acme/shop",
  revision: COMMIT,
  phase,
  url: "https://pr-7.preview.example.com",
});

/** An event of notification-controller, with the Alert's eventMetadata. */
const flux = (reason: string, severity = "info") => ({
  involvedObject: {
    kind: "Kustomization",
    namespace: "flux-system",
    name: "staging",
    uid: "7d0cdc51-ddcf-4743-b223-83ca5c699632",
    apiVersion: "kustomize.toolkit.fluxcd.io/v1",
  },
  severity,
  timestamp: "2026-11-24T12:00:00Z",
  message: "Reconciliation finished in 1.234s, next run in 10m0s",
  reason,
  metadata: { "kustomize.toolkit.fluxcd.io/revision": `main@sha1:${COMMIT}`, repository: "acme/shop" },
  reportingController: "kustomize-controller",
  reportingInstance: "kustomize-controller-6c8f7d9b5-abcde",
});

describe("record-deployment, started by ArgoCD", () => {
  it("records a deployment and its states, each once", async (t) => {
    const { argocd: send, states, shop, done } = await scene(t);
    for (const phase of ["Running", "Running", "Succeeded", "Succeeded"]) {
      const answer = await send("/deployments/argocd", argocd(phase));
      assert.equal(answer.status, 200, answer.text);
    }
    assert.deepEqual(states(), [["pr-7", "success", "in_progress"]]);
    assert.equal(shop.deployments[0]?.statuses[0]?.environmentUrl, "https://pr-7.preview.example.com");
    assert.deepEqual([done(CREATE), done(STATUS)], [1, 2]);
  });

  it("continues with the status after a failure, because the deployment exists", async (t) => {
    const { argocd: send, states, breakDown, recover, lastRun, done } = await scene(t);
    breakDown({ route: STATUS });
    assert.equal((await send("/deployments/argocd", argocd("Succeeded"))).status, 500);
    await recover();
    assert.equal((await lastRun()).status, "success");
    assert.deepEqual(states(), [["pr-7", "success"]]);
    assert.equal(done(CREATE), 1);
  });

  it("records each once if both answers are lost", async (t) => {
    const { argocd: send, states, github, recover, lastRun } = await scene(t);
    for (const [route, phase] of [
      [CREATE, "Running"],
      [STATUS, "Succeeded"],
    ] as const) {
      github.fault({ route }, { kind: "reset", afterHandling: true });
      assert.equal((await send("/deployments/argocd", argocd(phase))).status, 500);
      await recover();
      assert.equal((await lastRun()).status, "success");
    }
    assert.deepEqual(states(), [["pr-7", "success", "in_progress"]]);
  });

  it("reports in one line what is wrong with a template", async (t) => {
    const { argocd: send } = await scene(t);
    const answer = await send("/deployments/argocd", { ...argocd("Running"), revision: "<no value>" });
    assert.deepEqual([answer.status, answer.json.detail], [400, "revision must be a whole commit hash."]);
  });
});

describe("record-deployment, started by Flux", () => {
  it("records progress, success and failure, and no reconciliation that changed nothing", async (t) => {
    const { flux: send, states, lastRun, done, runs } = await scene(t);
    for (const event of [
      flux("Progressing"),
      flux("ReconciliationSucceeded"),
      flux("ReconciliationSucceeded"),
      flux("HealthCheckFailed", "error"),
    ]) {
      assert.equal((await send("/deployments/flux", event)).status, 202);
      await lastRun();
    }
    assert.deepEqual(states(), [["staging", "failure", "success", "in_progress"]]);
    assert.equal(done(CREATE), 1);
    assert.equal((await runs()).length, 3);
  });

  it("skips an event without a repository, and names what to set", async (t) => {
    const { flux: send, lastRun } = await scene(t);
    const { repository: _, ...metadata } = flux("Progressing").metadata;
    await send("/deployments/flux", { ...flux("Progressing"), metadata });
    assert.match((await lastRun()).reason, /eventMetadata\.repository/);
  });
});
