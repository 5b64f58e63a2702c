import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { until } from "./support/clock.ts";
import { send, startService, TOKEN } from "./support/service.ts";
import { httpWorkflow, workflowsFolder } from "./support/workflows.ts";

const CALLERS_TOKEN = "ghp_callersOwnToken0123456789abcdef0123";
const WRITES = "POST /repos/{owner}/{repo}/dispatches";

/** A service with one workflow that does this work. */
async function serviceThat(t: TestContext, body: string, options = "", settings = {}) {
  const WORKFLOWS_DIR = workflowsFolder(t, { "write.ts": httpWorkflow("write", body, options) });
  const service = await startService(t, { settings: { WORKFLOWS_DIR, ...settings } });
  const run = async () => {
    const answer = await send(service.url, {
      method: "POST",
      path: "/write",
      headers: { "content-type": "application/json", prefer: "respond-async" },
      body: "{}",
    });
    const path = `/api/runs/${answer.headers["x-run-id"]}`;
    let found: Awaited<ReturnType<typeof send>>["json"];
    await until("an attempt has ended", async () => {
      found = (await send(service.url, { path })).json;
      return found.attempts.length > 0;
    });
    return found;
  };
  return { ...service, run };
}

const told = ({
  attempts,
}: {
  attempts: { sent?: { requests: { method: string; path: string; status?: number }[] } }[];
}) =>
  attempts.flatMap(({ sent }) =>
    (sent?.requests ?? []).map(({ method, path, status }) => `${method} ${path} ${status}`),
  );

describe("What an attempt has changed at GitHub", () => {
  it("is stored with it, without reads: method, path, status and body", async (t) => {
    const { run } = await serviceThat(
      t,
      `await github.request("GET /repos/{owner}/{repo}", { owner: "acme", repo: "shop" });
       await github.dispatch("acme/shop", "hello", { n: 1 });
       await github.request("POST /repos/{owner}/{repo}/issues", { owner: "acme", repo: "shop", title: "A", body: "B" }, { allow: [404, 422] });`,
    );
    const ended = await run();
    assert.equal(ended.status, "success");
    assert.deepEqual(
      told(ended).map((each) => each.replace(/ \d+$/, "")),
      ["POST /repos/acme/shop/dispatches", "POST /repos/acme/shop/issues"],
    );
    const [{ sent }] = ended.attempts;
    assert.deepEqual([sent.count, sent.requests[0].status], [2, 204]);
    assert.match(sent.requests[0].at, /Z$/);
    assert.deepEqual(JSON.parse(sent.requests[0].body), { event_type: "hello", client_payload: { n: 1 } });
  });

  it("is empty for a workflow that only reads, and the row has no such value", async (t) => {
    const { run } = await serviceThat(t, `await github.readFile("acme/shop", "a.txt");`);
    const ended = await run();
    assert.ok(!("sent" in ended.attempts[0]), JSON.stringify(ended.attempts));
  });

  it("has every try, including failed ones and those without an answer", async (t) => {
    const { run, github } = await serviceThat(t, `await github.dispatch("acme/shop", "hello", {});`);
    github.fault({ route: WRITES, times: 1 }, { kind: "status", status: 502 });
    github.fault({ route: WRITES, times: 1 }, { kind: "reset", afterHandling: true });
    const ended = await run();
    const path = "POST /repos/acme/shop/dispatches";
    assert.deepEqual(told(ended), [`${path} undefined`, `${path} 502`, `${path} 204`]);
  });

  it("is 20 writes at most, with the number of all, and 1,000 characters of each body", async (t) => {
    const { run } = await serviceThat(
      t,
      `for (let at = 0; at < 23; at++) await github.dispatch("acme/shop", "e" + at, { text: "é".repeat(3000) });`,
    );
    const [{ sent }] = (await run()).attempts;
    assert.deepEqual([sent.count, sent.requests.length], [23, 20]);
    for (const { body } of sent.requests) assert.ok(body.length <= 1001 && body.endsWith("…"));
  });

  it("never holds a token, in any place of a body or a path, in any spelling", async (t) => {
    const known = "q7Zk1Xw9Vb3Nf5Tg8Jm2Hs6Dr4Lp0Yc-Ua_Ei.Ox";
    const { run } = await serviceThat(
      t,
      `const at = "x".repeat(985);
       for (const secret of [env.KNOWN, "${CALLERS_TOKEN}"]) {
         await github.dispatch("acme/shop", "hello", { text: secret, base64: Buffer.from(secret).toString("base64") });
         await github.dispatch("acme/shop", "hello", { cut: at + secret });
         await github.request("PUT /repos/{owner}/{repo}/contents/{path}", { owner: "acme", repo: "shop", path: secret, message: "m", content: "" }, { allow: [404, 422, 409, 403] });
       }`,
      'env: ["KNOWN"],',
      { KNOWN: known },
    );
    const text = JSON.stringify(await run());
    for (const secret of [known, CALLERS_TOKEN, TOKEN]) {
      for (let at = 0; at + 10 <= secret.length; at++) assert.ok(!text.includes(secret.slice(at, at + 10)), text);
    }
    assert.ok(!text.includes(Buffer.from(known).toString("base64").slice(0, 20)));
    assert.match(text, /\*\*\*/);
  });

  it("has mutations of GraphQL, and not its queries", async (t) => {
    const { run } = await serviceThat(
      t,
      `await github.graphql("query { viewer { login } }").catch(() => {});
       await github.graphql("mutation { addStar(input: { starrableId: 1 }) { clientMutationId } }").catch(() => {});`,
    );
    const [{ sent }] = (await run()).attempts;
    assert.deepEqual(
      sent.requests.map(({ path }: { path: string }) => path.replace(/^.*\/graphql$/, "/graphql")),
      ["/graphql"],
    );
    assert.match(sent.requests[0].body, /mutation/);
  });
});
