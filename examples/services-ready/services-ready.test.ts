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
  const told = () => example.github.dispatches.map(({ payload }) => `${payload.service} ${payload.commitHash}`);
  return { ...example, told };
}

const NOTIFICATION = { application: "pr-7", revision: null };
const DISPATCH = "POST /repos/{owner}/{repo}/dispatches";

describe("services-ready", () => {
  it("has every service tested at its own commit", async (t) => {
    const { argocd, told } = await scene(t);
    const answer = await argocd("/services-ready", NOTIFICATION);
    assert.deepEqual(answer.json, { status: "success", commits: { api: "0012345", search: "5e10", web: "abc" } });
    assert.deepEqual(told(), ["api 0012345", "search 5e10", "web abc"]);
  });

  it("tells the same commits once, and new ones again", async (t) => {
    const { argocd, told, github } = await scene(t);
    await argocd("/services-ready", NOTIFICATION);
    assert.match((await argocd("/services-ready", NOTIFICATION)).json.reason, /has announced these commits/);
    assert.equal(told().length, 3);
    github.repository("acme/deployment").put("previews/pr-7/values.yaml", values("def"));
    await argocd("/services-ready", NOTIFICATION);
    assert.equal(told().at(-1), "web def");
  });

  it("goes on after a fault with the services that were not told yet", async (t) => {
    const { argocd, told, breakDown, recover, lastRun } = await scene(t);
    breakDown({ route: DISPATCH, after: 1 });
    assert.equal((await argocd("/services-ready", NOTIFICATION)).status, 500);
    await recover();
    assert.equal((await lastRun()).status, "success");
    assert.deepEqual(told(), ["api 0012345", "search 5e10", "web abc"]);
  });

  it("skips what is no preview, and says what is missing", async (t) => {
    const { argocd } = await scene(t);
    assert.equal((await argocd("/services-ready", { application: "production" })).json.status, "skipped");
    const missing = await argocd("/services-ready", { application: "pr-8" });
    assert.equal(missing.status, 404);
    assert.match(missing.json.detail, /no previews\/pr-8\/values\.yaml in acme\/deployment/);
  });

  it("has a second pair of repositories beside it", async (t) => {
    const { argocd, github } = await scene(t);
    github.repository("acme/handbook");
    github.repository("acme/deployment").put("handbook/handbook-3.yaml", "image: { tag: fed }\n");
    await argocd("/handbook-ready", { application: "handbook-3" });
    const [{ repo, eventType } = assert.fail()] = github.dispatches;
    assert.deepEqual([repo, eventType], ["acme/handbook", "handbook_ready"]);
  });
});
