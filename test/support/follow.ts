import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import type { TestContext } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import type { RunPlan } from "../../sandbox/actions/runner.ts";
import type { StandInGitHub } from "../../sandbox/github.ts";
import type { RunDetail } from "../../src/model/history.ts";
import { movedClock } from "./clock.ts";
import { deploy, notify, startService, TARGET } from "./service.ts";
import { WEBHOOK_SECRET } from "./webhooks.ts";

const FILE = ".github/workflows/environment-ready.yml";
const TARGET_WORKFLOW = readFileSync(new URL("../../deploy/target/environment-ready.yml", import.meta.url), "utf8");

export const SHA = (nth: number): string => `${nth}`.padStart(2, "0").repeat(20);

/** More runs than any test makes. */
const MANY = 3000;
const REST_MS = 60_000;

type Options = {
  readonly settings?: Record<string, string>;
  /** How runs of Actions proceed. Without it they start and stay in progress. */
  readonly plan?: (key: string, attempt: number) => RunPlan;
  /** False: GitHub sends no webhooks. */
  readonly webhooks?: boolean;
  /** The text of the workflow file in the target repository. By default it is the one of deploy/target. */
  readonly workflow?: string;
};

/** The service with FOLLOW, in front of a stand-in GitHub. */
export async function previewScene(t: TestContext, { settings = {}, plan, webhooks = true, workflow }: Options = {}) {
  const clock = movedClock();
  const service = await startService(t, {
    settings: {
      FOLLOW: "status,comment",
      PUBLIC_URL: "https://ci.example",
      GITHUB_WEBHOOK_SECRET: WEBHOOK_SECRET,
      ...settings,
    },
    github: { now: clock.now },
    options: { clock },
  });
  const { github, url, app } = service;
  const shop = github.repository(TARGET);
  shop.put(FILE, workflow ?? TARGET_WORKFLOW);
  const hook = github.hook(TARGET, `${url}/webhooks/github`, webhooks ? { secret: WEBHOOK_SECRET } : {});
  github.actions.script(({ title, attempt }) => plan?.(keyIn(title), attempt) ?? {});

  /** Deploys an environment with a commit that the target repository has. ArgoCD reports it. */
  async function deployed(application: string, sha: string) {
    if (/^[0-9a-f]{40}$/.test(sha)) shop.addCommit(sha);
    deploy(github, application, sha);
    return notify(url, { application });
  }

  async function runs(workflowName: string): Promise<readonly RunDetail[]> {
    const { runs: found } = await app.engine.store.list({ workflow: workflowName }, { limit: 100 });
    const all = await Promise.all(found.map(({ id }) => app.engine.store.get(id)));
    return all.map((each) => each ?? assert.fail("a run is gone")).reverse();
  }

  /** Runs that follow tests, oldest first; and those that cancel some. */
  const followers = async () => (await runs("preview-tests")).filter(({ run }) => run.group !== undefined);
  const cancellers = async () => (await runs("preview-tests")).filter(({ run }) => run.group === undefined);

  /** Whether an attempt runs or is due, of a workflow that is not paused. */
  async function isBusy(): Promise<boolean> {
    const paused = (await app.engine.store.paused()).map(({ workflow: name }) => name);
    for (const name of app.loaded.workflows.map((each) => each.name).filter((each) => !paused.includes(each))) {
      const list = async (status: "running" | "queued" | "waiting" | "cancelled") =>
        (await app.engine.store.list({ workflow: name, status }, { limit: MANY })).runs;
      if ((await list("running")).length > 0) return true;
      if ((await list("cancelled")).some(({ cleaningUp }) => cleaningUp)) return true;
      for (const status of ["queued", "waiting"] as const) {
        if ((await list(status)).some(({ dueAt = 0 }) => dueAt <= clock.now())) return true;
      }
    }
    return false;
  }

  /** Resolves when no work is pending. */
  async function rest(): Promise<void> {
    await github.settle();
    const end = performance.now() + REST_MS;
    for (let quiet = 0; quiet < 3; quiet = (await isBusy()) ? 0 : quiet + 1) {
      if (performance.now() > end) throw new Error("there is always something under way");
      await wait(2);
    }
  }

  return {
    ...{ ...service, clock, shop, hook, deployed, runs, followers, cancellers, rest },
    /** Lets time pass in steps of five seconds, and waits for the work that each step causes. */
    async pass(milliseconds: number, everyMs = 5000): Promise<void> {
      await rest();
      for (let left = milliseconds; left > 0; left -= everyMs) {
        clock.move(Math.min(left, everyMs));
        await rest();
      }
    },
    states: (sha: string) => shop.statuses.filter((status) => status.sha === sha).map(({ state }) => state),
    contexts: (sha: string) => [
      ...new Set(shop.statuses.flatMap((status) => (status.sha === sha ? status.context : []))),
    ],
    /** How many requests GitHub received, by route. */
    asked: () => countsOf(github),
  };
}

export const keyIn = (title: string): string => /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/.exec(title)?.[0] ?? "";

function countsOf({ requests }: StandInGitHub): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { route } of requests) counts[route] = (counts[route] ?? 0) + 1;
  return counts;
}
