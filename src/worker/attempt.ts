import type { Log } from "../log.ts";
import type { Clock } from "../model/clock.ts";
import type { Observer } from "../model/observer.ts";
import { afterAttempt } from "../model/retry.ts";
import type { Attempt, Json, Outcome, Run, Step } from "../model/run.ts";
import type { Claim, RunStore, Settlement } from "../model/store.ts";
import type { Context, GitHub, Workflow } from "../model/workflow.ts";
import { execute } from "./execute.ts";
import type { StoreHealth } from "./store-health.ts";

export type AttemptNeeds = {
  readonly store: Pick<RunStore, "saveStep" | "findSuccess">;
  readonly workflowNamed: (name: string) => Workflow | undefined;
  /**
   * GitHub as a run's own token sees it, or the service's, until it is released. `name` is the run's in the line before
   * a limit; `saw` is told the id of every answered request.
   */
  readonly github: (options: { token: string | undefined; name: string; saw: (requestId: string) => void }) => {
    github: GitHub;
    release(): void;
  };
  /** Hides a token from logs and answers until the returned function is called. */
  readonly hide: (token: string) => () => void;
  readonly scrub: (text: string) => string;
  readonly log: Log;
  readonly clock: Clock;
  readonly observe: Pick<Observer, "step">;
  /** Writes until the store takes it. */
  readonly insist: StoreHealth["insist"];
  /** From 0 to 1. */
  readonly random: () => number;
  readonly retryHours: number;
};

/** Executes a claimed run once, decides what follows, and writes the attempt's one log record. */
export async function attemptRun(
  claim: Claim,
  token: string | undefined,
  needs: AttemptNeeds,
): Promise<{ attempt: Attempt; settlement: Settlement }> {
  const { clock, scrub, log, random, retryHours } = needs;
  const { run, attempt: number } = claim;
  const startedAt = clock.now();
  const seen: Seen = { requestId: undefined, dedupeKey: undefined };
  const show = token ? needs.hide(token) : undefined;
  const { github, release } = needs.github({
    token,
    // What takes this run's place in its group takes it in the line, too.
    name: run.group === undefined ? run.id : `${run.workflow}\n${run.group}`,
    saw: (requestId) => {
      seen.requestId = requestId;
    },
  });
  try {
    const workflow = needs.workflowNamed(run.workflow);
    const outcome = workflow
      ? cleaned(await execute(workflow, contextOf(claim, github, needs, seen)), scrub)
      : unknownWorkflow(run);
    const endedAt = clock.now();
    const next = afterAttempt(run, outcome, { now: endedAt, random: random(), retryHours });
    const settlement = settlementOf(run, outcome, next, seen.dedupeKey);
    record(log, outcome, settlement, {
      run: run.id,
      workflow: run.workflow,
      ...workflow?.labels?.({ body: run.input }),
      attempt: number,
      duration_ms: endedAt - startedAt,
      github_request_id: seen.requestId,
    });
    const { reason, kind } = { reason: undefined, kind: undefined, ...outcome };
    const attempt = {
      number,
      startedAt,
      endedAt,
      outcome: outcome.status,
      reason,
      kind,
      githubRequestId: seen.requestId,
    };
    return { attempt, settlement };
  } finally {
    release();
    show?.();
  }
}

type Seen = { requestId: string | undefined; dedupeKey: string | undefined };

function contextOf(
  { run, attempt, steps, ...rest }: Claim,
  github: GitHub,
  needs: AttemptNeeds,
  seen: Seen,
): Context<unknown> {
  const { store, clock, scrub, observe, insist } = needs;
  const claim = { run, attempt, steps, ...rest };
  const kept = new Map<string, Step>(steps.map((step) => [step.name, step]));
  return {
    body: run.input,
    github,
    runId: run.id,
    attempt,
    async step<Result extends Json | undefined>(name: string, work: () => Promise<Result>): Promise<Result> {
      const earlier = kept.get(name);
      if (earlier) return earlier.result as Result;
      const startedAt = clock.now();
      const keep = (end: Pick<Step, "result" | "error">) =>
        insist(() => store.saveStep(claim, { name, attempt, startedAt, endedAt: clock.now(), ...end }));
      try {
        const result = await observe.step(name, work);
        await keep({ result, error: undefined });
        return result;
      } catch (error) {
        await keep({ result: undefined, error: scrub(error instanceof Error ? error.message : String(error)) });
        throw error;
      }
    },
    repeatOf(key, seconds) {
      seen.dedupeKey = key;
      return store.findSuccess(run.workflow, key, clock.now() - seconds * 1000);
    },
  };
}

function cleaned(outcome: Outcome, scrub: (text: string) => string): Outcome {
  return outcome.status === "success" ? outcome : { ...outcome, reason: scrub(outcome.reason) };
}

function unknownWorkflow({ workflow }: Run): Outcome {
  const reason = `There is no workflow ${workflow} in this service any more: bring it back and re-run, or send the event again.`;
  return { status: "failure", kind: "permanent", http: 500, reason };
}

function settlementOf(
  run: Run,
  outcome: Outcome,
  next: ReturnType<typeof afterAttempt>,
  dedupeKey: string | undefined,
): Settlement {
  if (outcome.status === "success") return { ...outcome, dedupeKey };
  if (outcome.status === "skipped") return outcome;
  const { reason, http, kind } = outcome;
  if (!next.end) return { status: "queued", dueAt: next.dueAt, counts: next.counts, reason, http, kind };
  const remark =
    kind === "permanent"
      ? ""
      : run.ownToken
        ? " It is not tried again: the run came with a token of its own, which is not stored. Send it again."
        : " It was tried for as long as RETRY_HOURS says, and is not tried again by itself.";
  return { status: "failure", reason: reason + remark, http, kind };
}

function record(log: Log, outcome: Outcome, settlement: Settlement, facts: Readonly<Record<string, unknown>>): void {
  const all = { ...facts, outcome: outcome.status };
  if (outcome.status === "success") log.info({ ...all, outputs: outcome.outputs }, "run succeeded");
  else if (outcome.status === "skipped") log.info({ ...all, reason: outcome.reason }, "run skipped");
  else if (settlement.status === "queued") {
    const next = {
      reason: outcome.reason,
      failure: outcome.kind,
      next_attempt: new Date(settlement.dueAt).toISOString(),
    };
    if (outcome.kind === "limit") log.info({ ...all, ...next }, "run waits for a limit of GitHub");
    else log.warn({ ...all, ...next }, "attempt failed");
  } else log.error({ ...all, reason: outcome.reason, failure: outcome.kind }, "run failed");
}
