import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { temporaryFolder } from "./support/folder.ts";
import { postgresForTests } from "./support/postgres.ts";
import { ask } from "./support/postgres-history.ts";
import { send, startService } from "./support/service.ts";
import { workflowsFolder } from "./support/workflows.ts";

const postgres = postgresForTests();

const OPERATORS = ["alice", "bob", "carol"].map((name) => ({ name, token: `${name}-0123456789abcdef0123` }));
const AUTH_TOKENS = OPERATORS.map(({ name, token }) => `${name}:operator:${token}`).join(",");

const WORKFLOW = `import { defineWorkflow } from "gh-runner";
export default defineWorkflow({
  name: "hand", on: { manual: true }, concurrency: () => undefined,
  async run({ sleep }) { await sleep("for long", "2h"); },
});`;

type Did = { readonly action: string; readonly actor: string; readonly run?: string; readonly workflow: string };

/** Numbers that look random and are the same in each run of the test. */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** Does this many random actions at these replicas, three at a time. */
async function act(urls: readonly string[], count: number): Promise<readonly Did[]> {
  const did: Did[] = [];
  const random = numbers(7);
  const runs: string[] = [];
  const one = async () => {
    const { name, token } = OPERATORS[random(OPERATORS.length)]!;
    const url = urls[random(urls.length)]!;
    const post = async (path: string) =>
      send(url, { method: "POST", path, body: "", headers: { authorization: `Bearer ${token}` } });
    const actor = `token ${name}`;
    const run = runs[random(runs.length)];
    const kind = random(4);
    if (kind === 0) {
      const workflow = random(2) === 0 ? "*" : "hand";
      const action = random(2) === 0 ? "pause" : "resume";
      const path = workflow === "*" ? `/api/${action}` : `/api/workflows/hand/${action}`;
      const { status, json } = await post(path);
      assert.equal(status, 200);
      if (json.changed) did.push({ action: action === "pause" ? "paused" : "resumed", actor, workflow });
    } else if (kind === 1 || run === undefined) {
      const { status, json } = await post("/api/workflows/hand/runs");
      assert.equal(status, 202);
      runs.push(json.id);
      did.push({ action: "started", actor, run: json.id, workflow: "hand" });
    } else if (kind === 2) {
      const { status } = await post(`/api/runs/${run}/cancel`);
      if (status === 200 || status === 202) did.push({ action: "cancelled", actor, run, workflow: "hand" });
    } else {
      const { status } = await post(`/api/runs/${run}/rerun`);
      if (status === 202) did.push({ action: "re-run", actor, run, workflow: "hand" });
    }
  };
  while (did.length < count) await Promise.all([one, one, one].slice(0, count - did.length).map((each) => each()));
  return did;
}

const sorted = (all: readonly Did[]) =>
  all.map(({ action, actor, run = "", workflow }) => `${action} ${actor} ${run} ${workflow}`).toSorted();

async function logOf(url: string) {
  const headers = { authorization: `Bearer ${OPERATORS[0]!.token}` };
  const { json } = await send(url, { path: "/api/audit?limit=500", headers });
  const verified = (await send(url, { path: "/api/audit/verification", headers })).json;
  return {
    records: json.records as (Did & { role: string; via: string; address: string; number: number })[],
    verified,
  };
}

async function assertComplete(url: string, did: readonly Did[]) {
  const { records, verified } = await logOf(url);
  assert.deepEqual(sorted(records), sorted(did));
  assert.deepEqual(
    records.map(({ number }) => number),
    records.map((_, at) => records.length - at),
  );
  for (const { role, via, address } of records)
    assert.deepEqual([role, via, address], ["operator", "bearer", "127.0.0.1"]);
  assert.deepEqual([verified.whole, verified.checked], [true, did.length]);
}

const start = (t: TestContext, settings: Record<string, string>) =>
  startService(t, {
    settings: { AUTH_TOKENS, WORKFLOWS_DIR: workflowsFolder(t, { "hand.ts": WORKFLOW }), ...settings },
  });

describe("the audit log", () => {
  it("of two replicas has each of 200 random actions, and shows that one was removed", async (t) => {
    const schema = postgres.schema();
    const settings = { DATABASE_URL: postgres.url, DATABASE_SCHEMA: schema };
    const replicas = [await start(t, settings), await start(t, settings)];
    const did = await act(
      replicas.map(({ url }) => url),
      200,
    );
    await assertComplete(replicas[1]!.url, did);
    const logged = replicas.flatMap(({ logLines }) => logLines.map((line) => JSON.parse(line)));
    const hashes = logged.filter(({ msg }) => msg === "audit").map(({ number }) => number);
    assert.deepEqual(
      hashes.toSorted((a, b) => a - b),
      did.map((_, at) => at + 1),
      "each is in the log once",
    );

    await ask(postgres.url, `DELETE FROM ${schema}.actions WHERE number = 77`);
    const { verified } = await logOf(replicas[0]!.url);
    assert.deepEqual(
      [verified.whole, verified.problems],
      [false, [{ kind: "missing", from: 77, to: 77, text: "Record 77: removed from between others." }]],
    );
    await ask(postgres.url, `DELETE FROM ${schema}.actions WHERE number > 190`);
    await ask(postgres.url, `UPDATE ${schema}.actions SET actor = 'token mallory' WHERE number = 5`);
    await ask(
      postgres.url,
      `INSERT INTO ${schema}.actions (at, actor, action, workflow) VALUES (1, 'x', 'paused', '*')`,
    );
    const again = (await logOf(replicas[0]!.url)).verified;
    assert.deepEqual(
      again.problems.map(({ kind, from, to }: { kind: string; from: number; to: number }) => [kind, from, to]),
      [
        ["changed", 5, 5],
        ["missing", 77, 77],
        ["cut_end", 191, did.length],
      ],
    );
    assert.equal(again.notSealed.count, 1, "records that an earlier version writes at the same time are counted apart");
  });

  it("on SQLite has each of 200 random actions, after a restart too", async (t) => {
    const settings = { DATA_DIR: temporaryFolder(t) };
    const before = await start(t, settings);
    const did = await act([before.url], 200);
    await assertComplete(before.url, did);
    await before.app.close();
    await assertComplete((await start(t, settings)).url, did);
  });
});
