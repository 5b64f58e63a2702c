import { AsyncLocalStorage } from "node:async_hooks";
import type { Clock } from "../model/clock.ts";
import type { Outcome } from "../model/run.ts";
import type { WorkflowSource } from "../model/workflow.ts";
import { type Calls, openCalls } from "./calls.ts";
import { failedBy } from "./execute.ts";

/** One attempt, as everything that happens in its name finds it: its own code, its timers, its forgotten promises. */
export type Attempting = {
  readonly run: string;
  readonly workflow: string;
  /** The attempt has ended; whatever still happens in its name has no effect. */
  readonly over: boolean;
  /** The file of the workflow, where it has one. */
  readonly source: WorkflowSource | undefined;
  readonly calls: Calls;
  /** The service is stopping: what has begun may finish, and nothing new begins. */
  readonly stopping: boolean;
  /** Aborts when the attempt is over, or the service is stopping. */
  readonly signal: AbortSignal;
  /** Tells the attempt that the service is stopping. */
  stop(): void;
  /** Ends the attempt with this outcome, unless it has ended. Whether it did. */
  end(outcome: Outcome): boolean;
  /** The same when the calls that have begun are settled. Until then nothing new begins. */
  fail(outcome: Outcome): boolean;
  /** It will end, whatever its workflow does. */
  readonly failing: boolean;
  /** Registers what is done when the attempt is over; it gets whether that cut the workflow off. */
  onEnd(work: (cutOff: boolean) => void): void;
  /** Stops an interval when the attempt is over; one that runs until then makes it a failure. */
  keep(interval: NodeJS.Timeout): void;
};

const attempts = new AsyncLocalStorage<Attempting>();

/** The attempt in whose name the present code runs. */
export function currentAttempt(): Attempting | undefined {
  return attempts.getStore();
}

/**
 * Does the work of an attempt, which ends when the work does, when its time is up, or when somebody ends it: never
 * later, whatever the work is up to.
 */
export function confined(
  bounds: { run: string; workflow: string; source?: WorkflowSource | undefined; timeout: string; timeoutMs: number },
  clock: Clock,
  work: (attempting: Attempting) => Promise<Outcome>,
): Promise<Outcome> {
  const { run, workflow, source, timeout, timeoutMs } = bounds;
  return new Promise((resolve) => {
    const endings: ((cutOff: boolean) => void)[] = [];
    let done = false;
    let intervals: NodeJS.Timeout[] = [];
    let over = false;
    let failure: Outcome | undefined;
    let stopping = false;
    let abort: AbortController | undefined;
    const cancel = clock.alarm(clock.now() + timeoutMs, () => attempting.end(timedOut(workflow, timeout)));
    const attempting: Attempting = {
      run,
      workflow,
      source,
      calls: openCalls(),
      get failing() {
        return failure !== undefined;
      },
      get over() {
        return over;
      },
      get stopping() {
        return stopping;
      },
      // Made when it is asked for: few workflows do, and each would pay for it.
      get signal() {
        abort ??= new AbortController();
        if (over || failure || stopping) abort.abort(stopping ? STOPPING : OVER);
        return abort.signal;
      },
      stop() {
        stopping = true;
        abort?.abort(STOPPING);
      },
      end(outcome) {
        if (over) return false;
        over = true;
        cancel();
        for (const ending of endings) ending(!done);
        const left = intervals.filter(isRunning);
        left.forEach(clearInterval);
        resolve(left.length > 0 && outcome.status !== "failure" ? leftRunning(workflow, left.length) : outcome);
        abort?.abort(OVER);
        return true;
      },
      fail(outcome) {
        if (over) return false;
        if (!failure) void attempting.calls.rest(() => {}).then(() => attempting.end(outcome));
        failure ??= outcome;
        abort?.abort(OVER);
        return true;
      },
      onEnd: (ending) => void endings.push(ending),
      keep(interval) {
        if (over) clearInterval(interval);
        intervals = [...intervals.filter(isRunning), interval];
      },
    };
    attempts
      .run(attempting, () => work(attempting))
      .catch((error) => failedBy(error, source))
      .then((outcome) => {
        done = true;
        attempting.end(failure ?? outcome);
      });
  });
}

const OVER = new Error("The attempt is over.");
const STOPPING = new Error("The service is stopping.");

function timedOut(workflow: string, timeout: string): Outcome {
  const reason = `The attempt took longer than the ${timeout} that ${workflow} has for it: see where it waits, or raise its \`timeout\`.`;
  return { status: "failure", reason, http: 500, kind: "transient" };
}

/** One that does not hold the process up (`unref`) is a library's own, and stays. */
function isRunning(interval: NodeJS.Timeout): boolean {
  return interval.hasRef() && (interval as { _destroyed?: boolean })._destroyed !== true;
}

function leftRunning(workflow: string, count: number): Outcome {
  const reason =
    `${workflow} has returned, but left ${count} ${count === 1 ? "interval" : "intervals"} running (setInterval), which ` +
    "the service has stopped: clear what is set, and await what it does.";
  return { status: "failure", reason, http: 500, kind: "permanent" };
}
