import { AsyncLocalStorage } from "node:async_hooks";
import type { Clock } from "../model/clock.ts";
import { PermanentFailure } from "../model/failure.ts";
import type { LogLine, Outcome } from "../model/run.ts";
import type { WorkflowSource } from "../model/workflow-file.ts";
import { Calls } from "./calls.ts";
import { failedBy } from "./outcome.ts";
import { type SuspendedWait, waitingFor } from "./waiting-for.ts";

/** What an attempt is about, and its bounds. */
type About = {
  readonly run: string;
  readonly workflow: string;
  /** It is the workflow's `cancelled`, not its `run`. */
  readonly handler?: boolean | undefined;
  /** Its work has ended, and its result is shown: a cancel comes too late. */
  readonly isReport?: boolean;
  /** The file of the workflow, where it has one. */
  readonly source: WorkflowSource | undefined;
  readonly timeout: string;
  readonly timeoutMs: number;
  /** What its code prints goes here. */
  readonly runLog: { print(level: LogLine["level"], given: readonly unknown[]): void };
  /** Told of calls that the workflow has not awaited. */
  readonly left: (calls: readonly string[]) => void;
};

const attempts = new AsyncLocalStorage<Attempting>();

/** The attempt in whose name the present code runs. */
export function currentAttempt(): Attempting | undefined {
  return attempts.getStore();
}

/**
 * Does the work of an attempt, which ends when the work does, when its time is up, or when it is ended from outside:
 * never later, even if the work continues.
 */
export function confined(
  about: About,
  clock: Clock,
  work: (attempting: Attempting) => Promise<Outcome>,
): Promise<Outcome> {
  const attempting = new Attempting(about);
  const late = () => attempting.end(timedOut(about));
  attempting.onEnd(clock.alarm(clock.now() + about.timeoutMs, late));
  attempts
    .run(attempting, () => work(attempting))
    .catch((error) => failedBy(error, about.source))
    .then((outcome) => attempting.returned(outcome));
  return attempting.outcome;
}

/** One attempt, as everything that happens in its name finds it: its own code, its timers, its forgotten promises. */
export class Attempting {
  readonly about: About;
  readonly calls: Calls<SuspendedWait>;
  readonly outcome: Promise<Outcome>;
  /** The attempt has ended; whatever still happens in its name has no effect. */
  over = false;
  /** The service is stopping: what has begun may finish, and nothing new begins. */
  stopping = false;
  readonly #resolve: (outcome: Outcome) => void;
  readonly #endings: ((cutOff: boolean) => void)[] = [];
  #returned = false;
  #intervals: NodeJS.Timeout[] = [];
  #failure: Outcome | undefined;
  #abort: AbortController | undefined;

  constructor(about: About) {
    this.about = about;
    this.calls = new Calls<SuspendedWait>(about.left, (waits) => void this.end(waitingFor(waits)));
    const { promise, resolve } = Promise.withResolvers<Outcome>();
    this.outcome = promise;
    this.#resolve = resolve;
  }

  /** Aborts when the attempt is over, or the service is stopping. Made when it is asked for: few workflows do. */
  get signal(): AbortSignal {
    this.#abort ??= new AbortController();
    if (this.over || this.#failure || this.stopping) this.#abort.abort(this.stopping ? STOPPING : OVER);
    return this.#abort.signal;
  }

  /** Whether what has begun may send a request. While the service is stopping, asking is what ends the attempt. */
  maySend(): boolean {
    if (this.stopping) this.end(STOPPED);
    return !this.over;
  }

  /** @throws PermanentFailure when the attempt may not begin this any more. */
  begin(what: string): void {
    if (this.maySend() && !this.#failure) return;
    throw new PermanentFailure({
      tried: `beginning ${what} of ${this.about.workflow}`,
      happened: "the attempt is over",
      remedy: "Await everything that the workflow starts, and stop when `signal` aborts.",
    });
  }

  /** Tells the attempt that the service is stopping. */
  stop(): void {
    this.stopping = true;
    this.#abort?.abort(STOPPING);
  }

  returned(outcome: Outcome): void {
    this.#returned = true;
    this.end(this.#failure ?? outcome);
  }

  /** Ends the attempt with this outcome, unless it has ended. Whether it did. */
  end(outcome: Outcome): boolean {
    if (this.over) return false;
    this.over = true;
    for (const ending of this.#endings) ending(!this.#returned);
    const left = this.#intervals.filter(isRunning);
    left.forEach(clearInterval);
    const isLeft = left.length > 0 && this.#returned && outcome.status !== "failure";
    this.#resolve(isLeft ? leftRunning(this.about.workflow, left.length) : outcome);
    this.#abort?.abort(OVER);
    return true;
  }

  /** The same when the calls that have begun are settled. Until then nothing new begins. */
  fail(outcome: Outcome): boolean {
    if (this.over) return false;
    if (!this.#failure) void this.calls.rest(() => {}).then(() => this.end(outcome));
    this.#failure ??= outcome;
    this.#abort?.abort(OVER);
    return true;
  }

  /** Registers what is done when the attempt is over; it gets whether that cut the workflow off. */
  onEnd(work: (cutOff: boolean) => void): void {
    this.#endings.push(work);
  }

  /** Stops an interval when the attempt is over; one that runs until then makes it a failure. */
  keep(interval: NodeJS.Timeout): void {
    if (this.over) clearInterval(interval);
    this.#intervals = [...this.#intervals.filter(isRunning), interval];
  }
}

const OVER = new Error("The attempt is over.");
const STOPPING = new Error("The service is stopping.");

function timedOut({ workflow, timeout, handler, isReport }: About): Outcome {
  const reason = isReport
    ? `Showing the result of ${workflow} on its commit took longer than the ${timeout} that it has.`
    : handler
      ? `\`cancelled\` of ${workflow} took longer than the ${timeout} that it has: do less in it.`
      : `The attempt took longer than the ${timeout} that ${workflow} has for it: see where it waits, or raise its \`timeout\`.`;
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

export const STOPPED_REASON = "The service was stopped before the attempt ended.";
const STOPPED: Outcome = { status: "failure", http: 500, kind: "transient", reason: STOPPED_REASON };

/** What ends attempts from outside: the orderly stop of the service, and the cancel of a run. */
export type Stopping = ReturnType<typeof orderlyStop>;

export function orderlyStop() {
  const following = new Set<Attempting>();
  let state: "working" | "begun" | "ended" = "working";
  const tell = (attempting: Attempting) => {
    if (state !== "working") attempting.stop();
    if (state === "ended") attempting.end(STOPPED);
  };
  const enter = (next: typeof state) => {
    state = next;
    for (const attempting of [...following]) tell(attempting);
  };
  return {
    /** Whether attempts may begin nothing new any more. */
    get begun() {
      return state !== "working";
    },
    /** Tells an attempt of the stop, from its beginning to its end, also when the stop has begun before. */
    follow(attempting: Attempting): void {
      following.add(attempting);
      attempting.onEnd(() => following.delete(attempting));
      tell(attempting);
    },
    /** Ends the attempts of a run that is cancelled. Its `cancelled` is called after that, and continues. */
    cancel(run: string, reason: string): void {
      for (const attempting of [...following]) {
        const { about } = attempting;
        if (about.run === run && !about.handler && !about.isReport) attempting.end({ status: "cancelled", reason });
      }
    },
    /** Aborts the signal of every attempt. What has begun may finish; an attempt that begins something new ends. */
    begin: () => enter("begun"),
    /** Ends every attempt. */
    end: () => enter("ended"),
  };
}
