import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it, type TestContext } from "node:test";
import type { RunPlan } from "../sandbox/actions/runner.ts";
import type { Hook } from "../sandbox/hooks.ts";
import { deployment } from "./support/deployment.ts";
import { postgresForTests } from "./support/postgres.ts";
import { deploy, notify, send, TARGET } from "./support/service.ts";
import { WEBHOOK_SECRET } from "./support/webhooks.ts";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const TARGET_WORKFLOW = readFileSync(new URL("../deploy/target/environment-ready.yml", import.meta.url), "utf8");

/** How the tests of an application proceed, and what happens to the webhooks about them. */
type Scenario = {
  readonly plan: (attempt: number) => RunPlan;
  readonly webhooks?: NonNullable<Hook["upset"]>;
  /** What a person does at GitHub after this time. */
  readonly person?: { readonly afterMs: number; readonly does: "cancel" | "re-run" };
  /** The expected end: the last state of the status, words of the comment, and the status of the run that follows. */
  readonly state: "success" | "failure" | "error";
  readonly comment: RegExp;
  readonly run: "success" | "failure";
  /** Events that were sent; 1 by default. */
  readonly sent?: number;
};

const ends = (conclusion: string, facts: RunPlan = {}) => ({
  plan: () => ({ startsAfterMs: 10 * SECOND, takesMs: 2 * MINUTE, conclusion, ...facts }),
});
const passes = { ...ends("success"), state: "success", comment: /: success/, run: "success" } as const;
const fails = { ...ends("failure"), state: "failure", comment: /: failure/, run: "failure" } as const;

let turn = 0;
const SCENARIOS: Readonly<Record<string, Scenario>> = {
  success: passes,
  failure: fails,
  timed_out: { ...ends("timed_out"), state: "error", comment: /: timed out/, run: "failure" },
  "cancelled by a person": {
    ...ends("success", { takesMs: 60 * MINUTE }),
    person: { afterMs: 2 * MINUTE, does: "cancel" },
    ...{ state: "error", comment: /: cancelled/, run: "failure" },
  },
  skipped: { ...passes, ...ends("skipped"), comment: /: skipped/ },
  "begins after four minutes": { ...passes, ...ends("success", { startsAfterMs: 4 * MINUTE }) },
  "never appears": { plan: () => ({ never: true }), state: "error", comment: /: no run/, run: "failure", sent: 2 },
  "appears a minute late": { ...passes, ...ends("success", { appearsAfterMs: MINUTE }) },
  "listed a minute late": { ...passes, ...ends("success", { listedAfterMs: MINUTE }) },
  "re-run by a person after a failure": {
    ...passes,
    plan: (attempt) => ({ takesMs: MINUTE, conclusion: attempt === 1 ? "failure" : "success" }),
    person: { afterMs: 5 * MINUTE, does: "re-run" },
  },
  "re-run by a person after a success, and fails": {
    ...fails,
    plan: (attempt) => ({ takesMs: MINUTE, conclusion: attempt === 1 ? "success" : "failure" }),
    person: { afterMs: 5 * MINUTE, does: "re-run" },
  },
  "every webhook lost": { ...fails, webhooks: () => "lost" },
  "no webhook even tried": { ...passes, webhooks: () => "unlogged" },
  "every webhook twice": { ...passes, webhooks: () => "twice" },
  // The webhook of the end comes before that of the beginning.
  "webhooks out of order": {
    ...fails,
    webhooks: ({ action }) => (action === "completed" ? undefined : { lateMs: 4 * MINUTE }),
  },
  "webhooks lost, doubled and late, one after the other": {
    ...passes,
    webhooks: () => ([undefined, "lost", "twice", { lateMs: 90 * SECOND }] as const)[turn++ % 4],
  },
};

type ListedFollower = { readonly group: string; readonly status: string };

const shaOf = (number: number) => number.toString(16).padStart(2, "0").repeat(20);

const postgres = postgresForTests();

async function scene(t: TestContext, replicas: Parameters<typeof deployment>[1]) {
  const settings = { FOLLOW: "status,comment", GITHUB_WEBHOOK_SECRET: WEBHOOK_SECRET };
  const all = await deployment(t, replicas, { settings });
  const { github, services, clock } = all;
  const shop = github.repository(TARGET);
  shop.put(".github/workflows/environment-ready.yml", TARGET_WORKFLOW);
  const names = Object.keys(SCENARIOS);
  const scenarioOf = (application: unknown) => SCENARIOS[names[Number(String(application).slice(3)) - 1] ?? ""];
  github.actions.script(({ payload, attempt }) => scenarioOf(payload.sourceName)?.plan(attempt));
  const hook = github.hook(TARGET, `${services.at(-1)?.url}/webhooks/github`, { secret: WEBHOOK_SECRET });
  hook.upset = (delivery) => {
    const title = /Tests of (pr-\d+) /.exec(JSON.stringify(delivery.payload))?.[1];
    return scenarioOf(title)?.webhooks?.(delivery);
  };
  return {
    ...all,
    shop,
    names,
    /** Lets time pass, and waits for what the stand-in sends. */
    async later(milliseconds: number): Promise<void> {
      for (const end = clock.now() + milliseconds; clock.now() < end; ) {
        await all.pass(Math.min(5 * SECOND, end - clock.now()));
        await github.settle();
        await all.settle();
      }
    },
    runOf: (application: string) => [...shop.runs.values()].filter(({ title }) => title.includes(` ${application} `)),
    async followers(): Promise<Map<string, ListedFollower[]>> {
      const { json } = await send(services[0]?.url ?? "", { path: "/api/runs?workflow=preview-tests&limit=100" });
      return Map.groupBy(json.runs as ListedFollower[], ({ group }) => group);
    },
  };
}

for (const [name, replicas] of [
  ["SQLite", 1],
  ["PostgreSQL", { count: 1, postgres }],
  ["PostgreSQL and three replicas", { count: 3, postgres }],
] as const) {
  describe(`the tests of previews, with ${name}`, () => {
    it("end with one status and one comment that show the result, for any webhooks", {
      timeout: 600_000,
    }, async (t) => {
      const { github, services, shop, names, later, runOf, followers, clock } = await scene(t, replicas);
      for (const [nth] of names.entries()) {
        const number = nth + 1;
        const sha = shaOf(number);
        shop.addCommit(sha);
        shop.openPull({ number, head: { ref: `change-${number}`, sha } });
        deploy(github, `pr-${number}`, sha);
        const { url } = services[nth % services.length] ?? assert.fail();
        const answer = await notify(url, { application: `pr-${number}` });
        assert.equal(answer.text, `{"status":"success","commitHash":"${sha}","sourceName":"pr-${number}"}`);
      }
      const began = clock.now();
      const persons = names
        .flatMap((each, nth) => {
          const { person } = SCENARIOS[each] as Scenario;
          return person ? [{ ...person, application: `pr-${nth + 1}` }] : [];
        })
        .sort((a, b) => a.afterMs - b.afterMs);
      for (const { afterMs, does, application } of persons) {
        await later(Math.max(0, began + afterMs - clock.now()));
        const [run] = runOf(application);
        assert.ok(run, application);
        if (does === "cancel") github.actions.cancel(shop, run.id, { by: "mona" });
        else github.actions.rerun(shop, run.id, "mona");
      }
      await later(began + 20 * MINUTE - clock.now());

      const groups = await followers();
      for (const [nth, each] of names.entries()) {
        const { state, comment, run, sent = 1 } = SCENARIOS[each] as Scenario;
        const application = `pr-${nth + 1}`;
        const sha = shaOf(nth + 1);
        const statuses = shop.statuses.filter((status) => status.sha === sha);
        assert.deepEqual([...new Set(statuses.map(({ context }) => context))], ["gh-runner/preview"], each);
        assert.equal(statuses.at(-1)?.state, state, `${each}: ${statuses.map((status) => status.state)}`);
        const comments = shop.comments.filter(({ issue }) => issue === nth + 1);
        assert.equal(comments.length, 1, each);
        assert.match(
          String(comments[0]?.body)
            .split("\n")
            .find((line) => line.startsWith("#")) ?? "",
          comment,
          each,
        );
        assert.deepEqual(
          (groups.get(application) ?? []).map(({ status }) => status),
          [run],
          `${each}: ${JSON.stringify(groups.get(application))}`,
        );
        const events = github.dispatches.filter(({ payload }) => payload.sourceName === application);
        assert.equal(events.length, sent, each);
        assert.equal(runOf(application).length, each === "never appears" ? 0 : 1, each);
      }
    });
  });
}
