import { Hono } from "hono";
import { openAccess } from "../../src/access/identify.ts";
import { livePages } from "../../src/dashboard/live.ts";
import { mountDashboard } from "../../src/dashboard/mount.ts";
import { publicAddress } from "../../src/http/public-address.ts";
import { anonymous } from "../../src/model/access.ts";
import { systemClock } from "../../src/model/clock.ts";
import type { Counts } from "../../src/model/history.ts";
import type { Activity } from "../../src/model/overview.ts";
import { RUN_STATUSES, type Run, type RunStatus } from "../../src/model/run.ts";
import type { Workflow } from "../../src/model/workflow.ts";
import type { WorkflowFacts } from "../../src/model/workflow-facts.ts";
import { statsOf } from "../../src/model/workflow-stats.ts";
import { movedClock } from "./clock.ts";

export const NOW = Date.UTC(2026, 2, 1, 12);
const ID = "3f9c2a10-0000-4000-8000-000000000001";

type Shown = Parameters<typeof mountDashboard>[2];

const NOTHING: Activity = {
  hours: [],
  durations: undefined,
  queued: 0,
  running: 0,
  waiting: 0,
  nextDueAt: undefined,
  limited: undefined,
  finished: { thisMonth: 0, ever: 0 },
  rejected: 0,
};

/** This many runs in each status, 0 by default. */
export function countsOf(counts: Partial<Record<RunStatus, number>>): Counts {
  return Object.fromEntries(RUN_STATUSES.map((each) => [each, { count: counts[each] ?? 0, more: false }])) as Counts;
}

/** A run as the store returns it, of a workflow with the trigger `manual`. */
export function aRun(changes: Partial<Run> = {}): Run {
  return {
    id: ID,
    workflow: "release",
    group: undefined,
    trigger: "manual",
    actor: "token alice",
    rerunOf: undefined,
    input: { version: "v1" },
    ownToken: false,
    status: "running",
    acceptedAt: NOW - 60_000,
    dueAt: undefined,
    startedAt: NOW - 50_000,
    endedAt: undefined,
    attempts: 1,
    failures: 0,
    retriesFrom: NOW - 60_000,
    outputs: undefined,
    reason: undefined,
    http: undefined,
    kind: undefined,
    supersededBy: undefined,
    ...changes,
  };
}

/** Facts about a workflow, or about a removed one, with these runs, newest first. */
export function factsOf(
  workflow: Workflow | string,
  { runs = [], ...facts }: Partial<Omit<WorkflowFacts, "name" | "workflow" | "stats">> & { runs?: readonly Run[] } = {},
): WorkflowFacts {
  const its = typeof workflow === "string" ? undefined : workflow;
  const name = typeof workflow === "string" ? workflow : workflow.name;
  const nothing = { file: undefined, code: undefined, broken: undefined, schedule: undefined };
  return { name, workflow: its, ...nothing, stats: statsOf(runs), ...facts };
}

/** The pages with parts that do nothing, except those that a test gives. */
export function pagesOf({
  runs,
  workflows,
  previews,
  ...parts
}: Partial<Omit<Shown, "runs" | "workflows" | "previews">> & {
  runs?: Partial<Shown["runs"]>;
  workflows?: Partial<Shown["workflows"]>;
  previews?: Partial<Shown["previews"]>;
} = {}): Hono {
  const app = new Hono();
  const unasked = () => Promise.reject(new Error("this test does not expect it to be asked for"));
  const entrance = {
    address: publicAddress(undefined),
    addressOf: () => "",
    access: openAccess([]),
    guardWith: () => () => (_: unknown, next: () => Promise<void>) => next(),
    principalOf: () => anonymous(""),
    session: { nameOf: () => "session", in: () => undefined },
    failedAuthentication: () => {},
    rejected: () => {},
  };
  mountDashboard(app, entrance, {
    dashboard: true,
    callbacks: { find: unasked, answer: unasked },
    runs: {
      list: async () => ({ runs: [], next: undefined }),
      get: async () => undefined,
      lines: async () => ({ lines: [], next: "0.0" }),
      counts: async () => countsOf({}),
      reasons: async () => [],
      lastSuccess: async () => undefined,
      rerun: unasked,
      rerunWith: unasked,
      cancel: unasked,
      rerunnable: unasked,
      rerunAll: unasked,
      cancellable: unasked,
      cancelAll: unasked,
      ...runs,
    },
    workflows: {
      all: [],
      broken: [],
      outdated: [],
      facts: { all: async () => [], one: async () => undefined },
      retryHours: 24,
      fluxKeyOf: () => undefined,
      start: unasked,
      paused: async () => [],
      pause: unasked,
      resume: unasked,
      ...workflows,
    },
    audit: { list: unasked, verify: unasked, note: async () => {}, flush: async () => {} },
    answers: {
      why: async (text) => ({ text, isKnown: false, answer: `No event of ${text} is known.`, findings: [] }),
      events: async () => ({ events: [], next: undefined, rejected: [], problems: [] }),
    },
    previews: {
      list: async () => ({ previews: [], next: undefined }),
      of: async () => undefined,
      follows: true,
      prefixes: ["pr-"],
      argocdUrl: undefined,
      ...previews,
    },
    overview: {
      activity: async () => NOTHING,
      failures: async () => 0,
      revision: async () => "1",
    },
    incidents: () => [],
    accounts: () => [],
    rejectedSecrets: () => [],
    outage: async () => undefined,
    live: livePages(async () => "1", systemClock),
    web: { url: "https://github.com", repositoryOf: () => undefined },
    version: "1.2.3",
    installation: { name: undefined, color: undefined, time: "local" },
    clock: movedClock(NOW),
    signIn: {
      ...{ takesTokens: false, methods: [], hours: { token: 168, person: 12 } },
      ...{ withToken: async () => undefined, begin: unasked, finish: unasked, end: unasked, endAll: unasked },
    },
    notSignedIn: () => {},
    scrub: (text) => text,
    failed: (path, error) => {
      throw new Error(`${path} failed`, { cause: error });
    },
    ...parts,
  });
  return app;
}

/** A page as text: without tags, and with white space as one space. */
export function plain(html: string): string {
  return html
    .replaceAll(/<svg[\s\S]*?<\/svg>/g, "")
    .replaceAll(/<\/?(a|b|bdi|code|i|small|span|strong|time)\b[^>]*>/g, "")
    .replaceAll(/<[^>]+>/g, " ")
    .replaceAll("&quot;", '"')
    .replaceAll(/\s+/g, " ");
}
