import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import type { TokenGrant } from "../../sandbox/credentials.ts";
import type { Workflow } from "../../src/index.ts";
import { movedClock, until } from "./clock.ts";
import { databaseClock } from "./database-clock.ts";
import type { PostgresServer } from "./postgres.ts";
import { send, startService, TARGET, TOKEN } from "./service.ts";
import { deliver, WEBHOOK_SECRET } from "./webhooks.ts";

export const SHA = "1".repeat(40);
export const NEWER = "2".repeat(40);
export const PUBLIC_URL = "https://gh-runner.example.com";

export const CHECKS = "GET /repos/{owner}/{repo}/commits/{ref}/check-runs";
export const CREATE = "POST /repos/{owner}/{repo}/check-runs";
export const UPDATE = "PATCH /repos/{owner}/{repo}/check-runs/{check_run_id}";

/** GitHub's webhook for a changed pull request. */
export const pullEvent = (sha = SHA, { title = "A title", number = 7 } = {}) => ({
  action: "edited",
  number,
  repository: { full_name: TARGET },
  pull_request: { number, title, head: { sha } },
});

/** The service with one workflow that reports, in front of a stand-in GitHub, and a clock to move. */
export async function reportingService(
  t: TestContext,
  workflow: Partial<Workflow> & Pick<Workflow, "run">,
  {
    grant = { app: 7 },
    settings = {},
    database,
  }: { grant?: TokenGrant; settings?: Record<string, string>; database?: PostgresServer | undefined } = {},
) {
  const clock = movedClock();
  const schema = database?.schema() ?? "";
  const times = database && (await databaseClock(database.url, schema, clock.now()));
  const its: Workflow = { name: "lint", on: { github: { events: "pull_request" } }, report: "check", ...workflow };
  const service = await startService(t, {
    settings: {
      GITHUB_WEBHOOK_SECRET: WEBHOOK_SECRET,
      PUBLIC_URL,
      ...(database && { DATABASE_URL: database.url, DATABASE_SCHEMA: schema }),
      ...settings,
    },
    github: { now: clock.now },
    options: {
      clock,
      ...(times && { databaseNow: times.databaseNow }),
      random: () => 0,
      workflows: [{ workflow: its, file: "lint.ts" }],
    },
  });
  const { github, url } = service;
  github.token(TOKEN, grant);
  const shop = github.repository(TARGET);
  for (const sha of [SHA, NEWER]) shop.addCommit(sha);
  const runs = async () =>
    (await send(url, { path: "/api/runs?limit=50" })).json.runs as { id: string; status: string }[];
  const runOf = async (id: string) => (await send(url, { path: `/api/runs/${id}` })).json;
  return {
    ...service,
    clock,
    shop,
    runs,
    runOf,
    /** @returns the id of its run. */
    async event(payload: object = pullEvent(), name = "pull_request"): Promise<string> {
      const { status, text } = await deliver(url, name, payload);
      assert.ok(status < 300, text);
      return JSON.parse(text).runs?.[0]?.run ?? assert.fail(text);
    },
    async pass(milliseconds: number): Promise<void> {
      await times?.setTime(times.now() + milliseconds);
      clock.move(milliseconds);
    },
    is: (id: string, status: string) =>
      until(`run ${id} is ${status}`, async () => (await runOf(id)).status === status),
    cancel: (id: string) => send(url, { method: "POST", path: `/api/runs/${id}/cancel` }),
    rerun: (id: string, query = "") => send(url, { method: "POST", path: `/api/runs/${id}/rerun${query}` }),
    /** The checks of the commit, oldest first, as `status or conclusion: title`. */
    checks: (sha = SHA) =>
      shop.checks
        .filter((check) => check.sha === sha)
        .map(({ status, conclusion, output }) => `${conclusion ?? status}: ${output.title}`),
    writes: () => github.requests.filter(({ method, path }) => method !== "GET" && path.includes("check-runs")).length,
  };
}
