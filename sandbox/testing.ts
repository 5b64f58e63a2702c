import { setTimeout as wait } from "node:timers/promises";
import type { Duration, Json, WebhookEvent, WebhookName } from "../src/index.ts";
import { millisecondsOf } from "../src/model/duration.ts";
import type { RunDetail } from "../src/model/history.ts";
import { problemsIn } from "../src/model/problems.ts";
import { reportOf } from "../src/model/report.ts";
import type { LogLine, Run, Step } from "../src/model/run.ts";
import type { TriggerKind } from "../src/model/triggers.ts";
import { wakeKeysOf } from "../src/model/waits.ts";
import { givenOf, type Workflow } from "../src/model/workflow.ts";
import { type RunningApp, startApp } from "../src/service/app.ts";
import { readConfig } from "../src/service/config/config.ts";
import type { Answers } from "./answers.ts";
import { type StandInGitHub, startGitHub } from "./github.ts";
import { haveEvent } from "./have-event.ts";
import type { OpenRun, StartedOther } from "./other-run-types.ts";
import { beginOthers, startedBy } from "./other-runs.ts";
import { type OutsideOptions, type OutsideRequest, outsideOf } from "./outside.ts";
import { letPass } from "./passing.ts";
import { type SentRequest, sentTo } from "./sent.ts";
import { type SkippingClock, skippingClock } from "./skipping-clock.ts";
import { type Starting, startOf } from "./start-of.ts";
import { giveCredentials } from "./test-credentials.ts";

export type { Answer, Answers, AskedRequest } from "./answers.ts";
export { exampleEvent } from "./example-event.ts";
export type { Fault, FaultHandle, FaultMatch } from "./faults.ts";
export { type StandInGitHub, startGitHub } from "./github.ts";
export type { OpenRun, StartedOther } from "./other-run-types.ts";
export type { OutsideAnswer, OutsideRequest } from "./outside.ts";

export type TestOptions<Routes extends string = string> = OutsideOptions & {
  /** Fills the stand-in before the run: `(github) => github.repository("acme/shop").put("a.yaml", "…")`. */
  readonly prepare?: (github: StandInGitHub) => void;
  /** GitHub's answers by route, instead of those of the stand-in. */
  readonly answers?: Answers<Routes>;
  /** Other workflows of the service that it may start with `runs.start`. Their runs are stored and not executed. */
  readonly others?: readonly Workflow[];
  /** Runs of these other workflows that were started before and have not ended. `runs.open` finds them. */
  readonly open?: readonly OpenRun[];
  /** Values of the variables that the workflow declares. Missing ones are `test-NAME`. */
  readonly env?: Readonly<Record<string, string>>;
};

export type TestedRun = {
  /**
   * The current run. `waiting`: its reason says what it waits for. `queued`: an attempt has failed for a passing
   * reason, and the service would retry it. Continue the run with the functions below.
   */
  readonly run: Pick<Run, "status" | "outputs" | "reason" | "kind" | "title" | "attempts" | "dueAt">;
  /** Its steps and waits. Those in progress have no `endedAt`. */
  readonly steps: readonly Step[];
  /** What it has written with `log` and `console`, beginning with the first attempt. */
  readonly log: readonly (LogLine & { readonly attempt: number })[];
  /** The requests to GitHub, except reads, in order. */
  readonly sent: readonly SentRequest[];
  /** The requests to other hosts by `fetch` and `notify`, except reads, in order. */
  readonly posted: readonly OutsideRequest[];
  /** The `repository_dispatch` events that the stand-in accepted, in order. */
  readonly dispatches: readonly { readonly repo: string; readonly eventType: string; readonly payload: unknown }[];
  /** The runs of other workflows that it has started, the first one first. */
  readonly started: readonly StartedOther[];
  /** The stand-in, to change its contents while the run waits. */
  readonly github: StandInGitHub;
  /**
   * Lets time pass, up to the run's end. Every attempt that is due in that time is made at its time. Runs of GitHub
   * Actions continue as the stand-in's script says, and their followers look when they change.
   */
  advance(duration: Duration): Promise<TestedRun>;
  /** GitHub delivers this event. A run that waits for the event (`wakeOn`) calls its check again. */
  event(event: { readonly name: WebhookName; readonly payload: unknown }): Promise<TestedRun>;
  /** Answers a callback, like a POST to its URL. */
  answer(callback: string, body: unknown): Promise<TestedRun>;
  /** Cancels it. Resolves when the workflow's `cancelled` has also ended. */
  cancel(): Promise<TestedRun>;
  /** Gives up a waiting run. A run that has ended is already closed. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
};

/** How long `testRun` waits for the first attempt. The `timeout` of a workflow may end the attempt earlier. */
const WAIT_MS = 300_000;

/**
 * Runs a workflow in the real service in front of a stand-in GitHub, and returns the result: how it ended, or that it
 * waits. Time passes normally, and with `advance`.
 * @param given what starts it: `{ body }` for http and flux, `{ event }` for github and schedule, `{ inputs }` for
 *   manual and call. Add `trigger` if two triggers of the workflow take the same field. The workflow's schema checks a
 *   body of http, and inputs.
 * @throws Error if the workflow cannot start with this, or if a function in `answers` threw an error.
 */
export async function testRun<
  Given extends { trigger: TriggerKind },
  EnvName extends string,
  IdentityName extends string,
  Routes extends string = string,
>(
  workflow: Workflow<Given, unknown, EnvName, IdentityName>,
  given: Starting<Given>,
  { prepare, answers, env = {}, others = [], open = [], outside = {} }: TestOptions<Routes> = {},
): Promise<TestedRun> {
  const under = renamed(workflow);
  const closing = new AsyncDisposableStack();
  try {
    const clock = skippingClock();
    const github = await startGitHub({ now: clock.now });
    closing.defer(github.close);
    for (const name of ["acme/shop", "acme/deployment", workflow.repository ?? "acme/shop"]) github.repository(name);
    const { identityOf, ...credentials } = giveCredentials(github, workflow as Workflow, env);
    prepare?.(github);
    if ("event" in given) haveEvent(github, given.event as WebhookEvent);
    if (answers) github.answers(answers);
    const variables = Object.fromEntries(
      [...(workflow.env ?? []), ...named(workflow)].map((name) => [name, `test-${name}`]),
    );
    const callbacks = new Set<string>();
    // An attempt that met a limit gives a caller no result. The caller would wait until the limit ends.
    const attempted = Promise.withResolvers<void>();
    const posted: OutsideRequest[] = [];
    const app = await startApp(
      readConfig({
        PUBLIC_URL: "https://gh-runner.test",
        ...variables,
        ...credentials.variables,
        ...env,
        GITHUB_API_URL: github.url,
        ...credentials.settings,
        TARGET_REPO: "acme/shop",
        DEPLOYMENT_REPO: "acme/deployment",
        LOG_LEVEL: "silent",
      }),
      {
        closed: true,
        clock,
        fetch: outsideOf(outside, posted),
        workflows: [
          { workflow: under, file: "the workflow under test" },
          ...others.map((workflow) => ({ workflow, file: "another workflow" })),
        ],
        callbackOpened: (secret) => void callbacks.add(secret),
        settled: ({ workflow }) => void (workflow === under.name && attempted.resolve()),
      },
    );
    closing.defer(app.close);
    await beginOthers(app, under, open);
    const started = { workflow: under, actor: "test", ...startOf(workflow, given) };
    const { repository, sha } = givenOf(workflow, started);
    if (workflow.report && repository !== undefined && sha !== undefined) github.repository(repository).addCommit(sha);
    const { run } = await app.start(started, WAIT_MS, attempted.promise);
    return await testedRun(run.id, { app, github, identityOf, clock, callbacks, posted, closing });
  } catch (error) {
    await closing.disposeAsync();
    throw error;
  }
}

type Scene = {
  readonly app: RunningApp;
  readonly github: StandInGitHub;
  readonly identityOf: ReturnType<typeof giveCredentials>["identityOf"];
  readonly clock: SkippingClock;
  /** The secrets of the callbacks that were opened. */
  readonly callbacks: ReadonlySet<string>;
  readonly posted: readonly OutsideRequest[];
  readonly closing: AsyncDisposableStack;
};

/** A run after its first attempt, and what can happen to it. */
async function testedRun(
  id: string,
  { app, github, identityOf, clock, callbacks, posted, closing }: Scene,
): Promise<TestedRun> {
  const { store, wake, actions, callbacks: all } = app.engine;
  let detail = await look();
  let log: TestedRun["log"] = [];
  let started: TestedRun["started"] = [];

  /** The run when none of its work is in progress or due. */
  async function look(): Promise<RunDetail> {
    for (;;) {
      const found = (await store.get(id)) as RunDetail;
      const { status, dueAt = Number.POSITIVE_INFINITY } = found.run;
      const isDue = (status === "waiting" || status === "queued") && dueAt <= clock.now();
      if (status !== "running" && !isDue) return found;
      await wait(LOOK_EVERY_MS);
    }
  }

  async function relook(): Promise<Run> {
    detail = await look();
    return detail.run;
  }

  const isOpen = () => detail.run.endedAt === undefined;

  async function close(): Promise<void> {
    await closing.disposeAsync();
  }

  /** Does something to an open run, and resolves when the run has continued as far as it can. */
  async function then(what: string, work: () => Promise<void>): Promise<TestedRun> {
    if (!isOpen() || closing.disposed) {
      throw new Error(`${what} comes too late: the run is ${isOpen() ? "closed" : detail.run.status}.`);
    }
    github.hold(true);
    try {
      await work();
      return await rested();
    } catch (error) {
      github.hold(false);
      throw error;
    }
  }

  /** Nothing keeps the process running while the run waits. */
  async function rested(): Promise<TestedRun> {
    detail = await look();
    const [failure] = github.failures;
    if (failure) throw failure;
    log = (await store.lines(id, { limit: MAX_LINES }))?.lines ?? [];
    started = await startedBy(id, store);
    if (isOpen()) github.hold(false);
    else await close();
    return tested;
  }

  async function secretOf(name: string): Promise<string> {
    for (const secret of callbacks) if ((await all.find(secret))?.name === name) return secret;
    throw new Error(`The run has opened no callback ${name}.`);
  }

  const tested: TestedRun = {
    get run() {
      return detail.run;
    },
    get steps() {
      return detail.steps;
    },
    get log() {
      return log;
    },
    get sent() {
      return sentTo(github, identityOf);
    },
    get dispatches() {
      return github.dispatches.map(({ repo, eventType, payload }) => ({ repo, eventType, payload }));
    },
    get started() {
      return started;
    },
    posted,
    github,
    advance: (duration) =>
      then(`advance("${duration}")`, async () => {
        await letPass(millisecondsOf(duration), { clock, github, engine: app.engine, look: relook });
      }),
    event: (event) => then(`the event ${event.name}`, async () => void (await wake(wakeKeysOf(event)))),
    answer: (name, body) =>
      then(`the answer to ${name}`, async () => {
        const answered = await all.answer(await secretOf(name), body as Json, { actor: "test" });
        if (answered.status === "taken") return;
        const problems =
          answered.status === "invalid" ? problemsIn({ issues: answered.problems }, { whole: "body" }) : [];
        throw new Error(`The callback ${name} rejects this answer: ${problems.join("; ") || "it is not open"}.`);
      }),
    cancel: () =>
      then("cancel()", async () => {
        const { run } = detail;
        await actions.cancel(id, { actor: "test" });
        const isCalled = async () => ((await look()).attempts.at(-1)?.handler ?? false) || run.attempts === 0;
        while (
          app.loaded.workflows.some((each) => each.name === run.workflow && each.cancelled) &&
          !(await isCalled())
        ) {
          await wait(LOOK_EVERY_MS);
        }
      }),
    close,
    [Symbol.asyncDispose]: close,
  };
  return rested();
}

const LOOK_EVERY_MS = 2;

const MAX_LINES = 10_000;

/** The built-in workflow is loaded too, under its original name and path. */
function renamed(workflow: Workflow): Workflow {
  const { http } = workflow.on;
  const on = http ? { ...workflow.on, http: { ...http, path: `/under-test${http.path}` } } : workflow.on;
  const report = reportOf(workflow);
  return { ...workflow, name: `${workflow.name}-under-test`, on, ...(report && { report }) };
}

function named({ on }: Workflow): readonly string[] {
  return [on.http?.token ?? [], on.flux?.key ?? []].flat();
}
