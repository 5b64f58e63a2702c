import { AsyncLocalStorage } from "node:async_hooks";
import type { Clock } from "../model/clock.ts";
import { PermanentFailure } from "../model/failure.ts";
import type { LogLine, Outcome } from "../model/run.ts";
import type { WorkflowSource } from "../model/workflow-file.ts";
import { Calls } from "./calls.ts";
import { failedBy } from "./outcome.ts";
import { type SuspendedWait, waitingFor } from "./waiting-for.ts";

/** What an attempt runs, and its limits. */
type About = {
  readonly run: string;
  readonly workflow: string;
  /** Whether this is the workflow's `cancelled`, not its `run`. */
  readonly handler?: boolean | undefined;
  /** The work has ended, and only its result is being shown: it is too late to cancel. */
  readonly isReport?: boolean;
  /** The workflow's file, if it has one. */
  readonly source: WorkflowSource | undefined;
  readonly timeout: string;
  readonly timeoutMs: number;
  /** Gets what the code prints. */
  readonly runLog: { print(level: LogLine["level"], given: readonly unknown[]): void };
  /** Gets the calls that the workflow did not await. */
  readonly left: (calls: readonly string[]) => void;
};

const attempts = new AsyncLocalStorage<Attempting>();

/** The attempt to which the current code belongs. */
export function currentAttempt(): Attempting | undefined {
  return attempts.getStore();
}

/**
 * Runs an attempt. It ends when the work ends, at its timeout, or when something outside ends it. It never ends later,
 * even if the work continues.
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

/** One attempt, as its code sees it, and as its timers and forgotten promises see it later. */
export class Attempting {
  readonly about: About;
  readonly calls: Calls<SuspendedWait>;
  readonly outcome: Promise<Outcome>;
  /** The attempt has ended. Anything it still does has no effect. */
  over = false;
  /** The service is stopping: work in progress may finish, and nothing new starts. */
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

  /** Aborts when the attempt is over or the service is stopping. Created on first use: few workflows need it. */
  get signal(): AbortSignal {
    this.#abort ??= new AbortController();
    if (this.over || this.#failure || this.stopping) this.#abort.abort(this.stopping ? STOPPING : OVER);
    return this.#abort.signal;
  }

  /** Whether work in progress may send a request. While the service is stopping, this call ends the attempt. */
  maySend(): boolean {
    if (this.stopping) this.end(STOPPED);
    return !this.over;
  }

  /** @throws PermanentFailure when the attempt is over. */
  begin(what: string): void {
    if (this.maySend() && !this.#failure) return;
    throw new PermanentFailure({
      tried: `beginning ${what} of ${this.about.workflow}`,
      happened: "the attempt is over",
      remedy: "Await everything that the workflow starts, and stop when `signal` aborts.",
    });
  }

  /** Call this when the service is stopping. */
  stop(): void {
    this.stopping = true;
    this.#abort?.abort(STOPPING);
  }

  returned(outcome: Outcome): void {
    this.#returned = true;
    this.end(this.#failure ?? outcome);
  }

  /** Ends the attempt with this outcome. Returns false if it had already ended. */
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

  /** Ends the attempt when the calls in progress have settled. Until then nothing new starts. */
  fail(outcome: Outcome): boolean {
    if (this.over) return false;
    if (!this.#failure) void this.calls.rest(() => {}).then(() => this.end(outcome));
    this.#failure ??= outcome;
    this.#abort?.abort(OVER);
    return true;
  }

  /** Runs `work` when the attempt is over. `cutOff`: the workflow had not returned. */
  onEnd(work: (cutOff: boolean) => void): void {
    this.#endings.push(work);
  }

  /** Stops an interval when the attempt is over. An interval that still runs then fails the attempt. */
  keep(interval: NodeJS.Timeout): void {
    if (this.over) clearInterval(interval);
    this.#intervals = [...this.#intervals.filter(isRunning), interval];
  }
}

const OVER = new Error("The attempt is over.");
const STOPPING = new Error("The service is stopping.");

function timedOut({ workflow, timeout, handler, isReport }: About): Outcome {
  const reason = isReport
    ? `Showing the result of ${workflow} on its commit took longer than the ${timeout} limit.`
    : handler
      ? `\`cancelled\` of ${workflow} took longer than its limit of ${timeout}. Do less in it.`
      : `The attempt took longer than the \`timeout\` of ${workflow} (${timeout}). Find out what it waits for, or raise \`timeout\`.`;
  return { status: "failure", reason, http: 500, kind: "transient" };
}

/** An unreferenced interval (`unref`) belongs to a library, so it stays. */
function isRunning(interval: NodeJS.Timeout): boolean {
  return interval.hasRef() && (interval as { _destroyed?: boolean })._destroyed !== true;
}

function leftRunning(workflow: string, count: number): Outcome {
  const [intervals, them] = count === 1 ? ["interval", "it"] : ["intervals", "them"];
  const reason =
    `${workflow} returned but left ${count} ${intervals} running (setInterval). The service stopped ${them}. ` +
    `Clear what you set, and await its work.`;
  return { status: "failure", reason, http: 500, kind: "permanent" };
}

export const STOPPED_REASON = "The service was stopped before the attempt ended.";
const STOPPED: Outcome = { status: "failure", http: 500, kind: "transient", reason: STOPPED_REASON };

/** Ends attempts from outside: when the service stops, and when a run is cancelled. */
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
    /** Whether attempts may no longer start anything. */
    get begun() {
      return state !== "working";
    },
    /** Notifies an attempt of the stop until the attempt ends. Also works if the stop began earlier. */
    follow(attempting: Attempting): void {
      following.add(attempting);
      attempting.onEnd(() => following.delete(attempting));
      tell(attempting);
    },
    /** Ends the attempts of a cancelled run. The workflow's `cancelled` runs after that and is not ended. */
    cancel(run: string, reason: string): void {
      for (const attempting of [...following]) {
        const { about } = attempting;
        if (about.run === run && !about.handler && !about.isReport) attempting.end({ status: "cancelled", reason });
      }
    },
    /** Aborts the signal of every attempt. Work in progress may finish. An attempt that starts something new ends. */
    begin: () => enter("begun"),
    /** Ends every attempt. */
    end: () => enter("ended"),
  };
}
