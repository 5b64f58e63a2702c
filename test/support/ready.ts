import type { TestContext } from "node:test";
import type { StandInGitHub } from "../../sandbox/github.ts";
import type { Issue, Pull } from "../../sandbox/issues.ts";
import type { Limits } from "../../sandbox/limits.ts";
import type { Repository } from "../../sandbox/repository.ts";
import { type SkippingClock, skippingClock } from "../../sandbox/skipping-clock.ts";
import type { RunDetail } from "../../src/model/history.ts";
import type { Json } from "../../src/model/run.ts";
import type { Workflow } from "../../src/model/workflow.ts";
import { type LogRecord, startService, TARGET } from "./service.ts";

export const DAY_MS = 86_400_000;

/** A ready-made workflow in a service, and the GitHub in front of it. */
export type Ready = {
  readonly github: StandInGitHub;
  /** TARGET_REPO. */
  readonly shop: Repository;
  readonly clock: SkippingClock;
  /** Lets days pass. */
  days(days: number): void;
  /** Runs it to its end. Its waits pass immediately. */
  run(inputs?: Json): Promise<RunDetail>;
  /** The log messages of all runs. */
  messages(): readonly string[];
  log(): readonly LogRecord[];
  /** What was sent to GitHub, except reads: `PATCH issues/7`. */
  writes(): readonly string[];
  /** A person comments now. */
  comment(number: number, body: string, author?: string): void;
  /** A person adds or removes a label now. */
  label(number: number, name: string, event?: "labeled" | "unlabeled"): void;
  /** A change that updates only the time: a push, an edit. */
  touch(number: number): void;
  issue(number: number): Issue | Pull;
  /** Opens an issue this many days ago. */
  openIssue(facts?: Partial<Issue> & { daysAgo?: number }): Issue;
  openPull(facts?: Partial<Pull> & { daysAgo?: number }): Pull;
  bodies(number: number): readonly string[];
};

export async function readyService(
  t: TestContext,
  // biome-ignore lint/suspicious/noExplicitAny: workflows of all kinds
  workflow: Workflow<any, any, any>,
  { limits }: { readonly limits?: Limits } = {},
): Promise<Ready> {
  const clock = skippingClock();
  const service = await startService(t, {
    settings: { LOG_LEVEL: "debug", ...(limits && { GITHUB_LIMITS: "on" }) },
    github: { now: clock.now, ...(limits && { limits }) },
    options: { clock, closed: true, workflows: [{ workflow, file: "ready.ts" }] },
  });
  const { github, app } = service;
  const shop = github.repository(TARGET);
  const issue = (number: number) => shop.issue(number) as Issue | Pull;
  const ago = ({ daysAgo = 0 }: { daysAgo?: number }) => {
    const createdAt = clock.now() - daysAgo * DAY_MS;
    return { createdAt, updatedAt: createdAt };
  };
  return {
    github,
    shop,
    clock,
    days: (days) => clock.skip(days * DAY_MS),
    async run(inputs = {}) {
      const input = { dryRun: false, ...(inputs as object) };
      let detail = await app.start({ workflow, actor: "test", trigger: "manual", input }, 60_000);
      while (detail.run.endedAt === undefined) {
        const { dueAt, status } = detail.run;
        if (dueAt !== undefined && status !== "running") clock.skip(Math.max(0, dueAt - clock.now()));
        await new Promise((resolve) => setTimeout(resolve, 5));
        detail = (await app.engine.store.get(detail.run.id)) as RunDetail;
      }
      return detail;
    },
    messages: () => service.log().map(({ msg }) => String(msg)),
    log: service.log,
    writes: () =>
      github.requests
        .filter(({ method }) => method !== "GET")
        .map(({ method, path }) => `${method} ${path.replace(`/repos/${TARGET}/`, "")}`),
    comment(number, body, author = "hubot") {
      const id = 1 + Math.max(0, ...shop.comments.map((each) => each.id));
      shop.comments.push({ id, issue: number, author, body, createdAt: clock.now() });
      issue(number).updatedAt = clock.now();
    },
    label(number, name, event = "labeled") {
      const { labels } = issue(number);
      if (event === "labeled") labels.push(name);
      else labels.splice(labels.indexOf(name), 1);
      const id = shop.events.length + 1;
      shop.events.push({ id, issue: number, event, actor: "hubot", label: name, createdAt: clock.now() });
      issue(number).updatedAt = clock.now();
    },
    touch(number) {
      issue(number).updatedAt = clock.now();
    },
    issue,
    openIssue: (facts = {}) => shop.openIssue({ ...ago(facts), ...facts }),
    openPull: (facts = {}) => shop.openPull({ ...ago(facts), ...facts }),
    bodies: (number) => shop.comments.filter(({ issue }) => issue === number).map(({ body }) => body),
  };
}
