import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { startExample } from "../../test/support/example.ts";

const values = (web: string) => `services:
  api: { tag: 0012345 }
  search: { tag: 5e10 }
  web: { tag: ${web} }
`;

async function scene(t: TestContext) {
  const example = await startExample(t, "services-ready");
  example.github.repository("acme/deployment").put("previews/pr-7/values.yaml", values("abc"));
  const dispatched = () => example.github.dispatches.map(({ payload }) => `${payload.service} ${payload.commitHash}`);
  return { ...example, dispatched };
}

const NOTIFICATION = { application: "pr-7", revision: null };
const DISPATCH = "POST /repos/{owner}/{repo}/dispatches";

describe("services-ready", () => {
  it("starts the tests of every service at its commit", async (t) => {
    const { argocd, dispatched } = await scene(t);
    const answer = await argocd("/services-ready", NOTIFICATION);
    assert.deepEqual(answer.json, { status: "success", commits: { api: "0012345", search: "5e10", web: "abc" } });
    assert.deepEqual(dispatched(), ["api 0012345", "search 5e10", "web abc"]);
  });

  it("sends the same commits once, and new ones again", async (t) => {
    const { argocd, dispatched, github } = await scene(t);
    await argocd("/services-ready", NOTIFICATION);
    assert.match((await argocd("/services-ready", NOTIFICATION)).json.reason, /has announced these commits/);
    assert.equal(dispatched().length, 3);
    github.repository("acme/deployment").put("previews/pr-7/values.yaml", values("def"));
    await argocd("/services-ready", NOTIFICATION);
    assert.equal(dispatched().at(-1), "web def");
  });

  it("continues with the remaining services after a failure", async (t) => {
    const { argocd, dispatched, breakDown, recover, lastRun } = await scene(t);
    breakDown({ route: DISPATCH, after: 1 });
    assert.equal((await argocd("/services-ready", NOTIFICATION)).status, 500);
    await recover();
    assert.equal((await lastRun()).status, "success");
    assert.deepEqual(dispatched(), ["api 0012345", "search 5e10", "web abc"]);
  });

  it("skips other applications, and reports what is missing", async (t) => {
    const { argocd } = await scene(t);
    assert.equal((await argocd("/services-ready", { application: "production" })).json.status, "skipped");
    const missing = await argocd("/services-ready", { application: "pr-8" });
    assert.equal(missing.status, 404);
    assert.match(missing.json.detail, /no previews\/pr-8\/values\.yaml in acme\/deployment/);
  });

  it("supports a second pair of repositories", async (t) => {
    const { argocd, github } = await scene(t);
    github.repository("acme/handbook");
    github.repository("acme/deployment").put("handbook/handbook-3.yaml", "image: { tag: fed }\n");
    await argocd("/handbook-ready", { application: "handbook-3" });
    const [{ repo, eventType } = assert.fail()] = github.dispatches;
    assert.deepEqual([repo, eventType], ["acme/handbook", "handbook_ready"]);
  });
});
