import { randomUUID } from "node:crypto";
import type { Settlement } from "../../src/model/claim.ts";
import type { Attempt, Json, Step } from "../../src/model/run.ts";
import type { RunStore } from "../../src/model/store.ts";

const SECOND = 1000;
const MINUTE = 60 * SECOND;

export const SHA = "9fceb02d0ae598e95dc970b74767f19372d61af8";

/** A notification and what it leads to. */
export type Story = {
  readonly application: string;
  /** When the notification came, epoch milliseconds. */
  readonly at: number;
  /** Undefined: the tests are not followed. */
  readonly tests?: "passed" | "failed" | "cancelled" | "running" | "appearing" | "no run" | "closed" | "superseded";
  /** How the dispatching run ends, if it dispatches nothing. */
  readonly environment?: Settlement;
  readonly commit?: string;
  readonly title?: string;
  readonly jobs?: readonly string[];
  /** The base address of links. */
  readonly web?: string;
};

export const NO_RUN =
  "Finding the Actions run of environment_ready in acme/shop failed: no Actions run appeared within 3 min: no workflow on " +
  "main listens to environment_ready. Add it to `on: repository_dispatch: types` of a workflow on main.";

const iso = (at: number) => new Date(at).toISOString();

/** Writes the runs of a notification as the two workflows leave them. Resolves with their ids. */
export async function writePreview(
  store: RunStore,
  {
    application,
    at,
    tests,
    environment,
    commit = SHA,
    title = "Show prices with tax",
    jobs = ["unit", "e2e"],
    web = "https://github.com",
  }: Story,
): Promise<{ readonly environment: string; readonly tests: string | undefined }> {
  const key = randomUUID();
  const since = iso(at + 900);
  const started = { repository: "acme/shop", event: "repository_dispatch", key, since };
  const first = await run(store, { workflow: "environment-ready", group: application, input: { application }, at });
  if (tests !== undefined) {
    await first.step("read", 10, 600, { commitHash: commit, where: "values.yaml", path: "values.yaml", at: SHA });
    await first.step("tests under way", 600, 605, null);
    await first.step("dispatch: key", 610, 650, { key, since });
    await first.step("dispatch", 660, 900, started);
  }
  const outputs = { commitHash: commit, sourceName: application };
  await first.settle(environment ?? { status: "success", outputs, dedupeKey: undefined }, 1000);
  if (tests === undefined) return { environment: first.id, tests: undefined };

  const second = await run(store, {
    ...{ id: key, workflow: "preview-tests", group: application, at: at + 950, actor: `run ${first.id}` },
    input: {
      ...{ workflow: "environment-ready", application, commit, repository: "acme/shop", tests: started },
      event: { type: "environment_ready", payload: { commitHash: commit, sourceName: application, run: key } },
      values: { repository: "acme/deployment", path: `configs/pr/light/${application}/values.yaml`, commit: SHA },
      ...{
        dispatchedBy: first.id,
        follow: ["status"],
        context: "gh-runner/preview",
        timeout: "6h",
        nothingAfter: "3m",
      },
    },
  });
  await second.step("pull request", 1000, 1200, {
    number: 1234,
    url: `${web}/acme/shop/pull/1234`,
    title,
    state: "open",
  });
  await second.step("pending", 1200, 1500, []);
  const htmlUrl = `${web}/acme/shop/actions/runs/4242`;
  const found = { repository: "acme/shop", runId: 4242, htmlUrl, foundBy: "key", createdAt: iso(at + 4 * SECOND) };
  const wait = { kind: "waitUntil" } as const;
  if (tests === "appearing") {
    await second.suspend("Actions run", 1600);
  } else if (tests === "no run") {
    await second.step("Actions run", 1600, 3 * MINUTE, null, { ...wait, error: NO_RUN });
    await second.step("result error", 3 * MINUTE, 3 * MINUTE + 400, []);
    await second.settle({ status: "failure", reason: NO_RUN, http: 500, kind: "permanent" }, 3 * MINUTE + 500);
  } else if (tests === "closed") {
    const reason = "Pull request #1234 was closed before the tests ended.";
    await second.step("Actions run", 1600, 5 * SECOND, found, wait);
    await second.settle({ status: "skipped", reason }, MINUTE);
  } else {
    await second.step("Actions run", 1600, 5 * SECOND, found, wait);
    await second.step("running", 5 * SECOND, 5.2 * SECOND, []);
    if (tests === "running" || tests === "superseded") await second.suspend("tests", 5.3 * SECOND);
    else {
      const isPassed = tests === "passed";
      const conclusion = isPassed ? "success" : tests === "failed" ? "failure" : "cancelled";
      const end = at + 4 * MINUTE;
      const jobOf = (name: string, nth: number) => ({
        ...{
          name,
          htmlUrl: `${htmlUrl}/job/${nth}`,
          startedAt: iso(at + 7 * SECOND),
          endedAt: iso(end - nth * SECOND),
        },
        conclusion: isPassed || nth > 0 ? "success" : conclusion,
      });
      const times = { createdAt: iso(at + 4 * SECOND), startedAt: iso(at + 6 * SECOND), endedAt: iso(end) };
      const followed = { id: 4242, htmlUrl, conclusion, attempt: 1, ...times, jobs: jobs.map(jobOf) };
      await second.step("tests", 5.3 * SECOND, 4 * MINUTE + 2 * SECOND, followed, wait);
      await second.step(`result ${conclusion}`, 4 * MINUTE + 2 * SECOND, 4 * MINUTE + 2.4 * SECOND, []);
      const reason = `Testing ${application} at 9fceb02 failed: the Actions run ended with ${conclusion}. See its jobs.`;
      const settlement: Settlement = isPassed
        ? { status: "success", outputs: { application, conclusion }, dedupeKey: undefined }
        : { status: "failure", reason, http: 500, kind: "permanent" };
      await second.settle(settlement, 4 * MINUTE + 2.5 * SECOND);
    }
  }
  return { environment: first.id, tests: key };
}

type Given = {
  readonly id?: string;
  readonly workflow: string;
  readonly group: string;
  readonly at: number;
  readonly input: Json;
  readonly actor?: string;
};

/** Writes a claimed run and what happens to it. Times are milliseconds since the notification. */
async function run(store: RunStore, { id = randomUUID(), workflow, group, at, input, actor = "token argocd" }: Given) {
  const lease = { owner: "previews", now: at, leaseMs: 3_600_000 };
  const event = { id, workflow, group, input, ownToken: false, actor };
  const accepted = await store.accept(event, { ...lease, take: true });
  const claim = accepted.claim;
  if (!claim) throw new Error(`${workflow} of ${group} was not claimed`);
  const attempt = (outcome: Attempt["outcome"], after: number, reason?: string): Attempt => ({
    ...{ number: claim.attempt, startedAt: at + 5, endedAt: at + after, outcome, reason },
    ...{ kind: undefined, githubRequestId: undefined },
  });
  const start = workflow === "preview-tests" ? at - 950 : at;
  return {
    id: accepted.run,
    step: (name: string, from: number, to: number, result: Json, more: Partial<Step> = {}) =>
      store.saveStep(claim, {
        ...{ name, kind: "step", attempt: claim.attempt, startedAt: start + from, endedAt: start + to, result },
        ...{ error: undefined, ...more },
      }),
    suspend: (name: string, from: number) =>
      store.settle(claim, attempt("waiting", from), {
        ...{ status: "waiting", reason: `it waits: ${name}`, wakeKeys: ["workflow_run acme/shop 4242"] },
        waits: [
          { name, kind: "waitUntil", attempt: claim.attempt, startedAt: start + from, until: { inMs: 6 * 3_600_000 } },
        ],
      }),
    settle: (settlement: Settlement, after: number) => {
      const outcome = settlement.status === "queued" ? "failure" : settlement.status;
      const reason = "reason" in settlement ? settlement.reason : undefined;
      return store.settle(claim, attempt(outcome as Attempt["outcome"], after, reason), settlement);
    },
  };
}
