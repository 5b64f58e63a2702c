import { PermanentFailure } from "../model/failure.ts";
import type { Outcome } from "../model/run.ts";
import type { Attempting } from "./confined.ts";

/** The orderly stop of the service, as the attempts in flight are told of it. */
export type Stopping = {
  /** Whether attempts may still begin something new. */
  readonly begun: boolean;
  /** Tells an attempt of the stop, from its beginning to its end, also when the stop has begun before. */
  follow(attempting: Attempting): void;
  /** Aborts the signal of every attempt. What has begun may finish; an attempt that begins something new ends. */
  begin(): void;
  /** Ends every attempt. */
  end(): void;
};

export function orderlyStop(): Stopping {
  const attempts = new Set<Attempting>();
  let state: "working" | "begun" | "ended" = "working";
  const tell = (attempting: Attempting) => {
    if (state !== "working") attempting.stop();
    if (state === "ended") attempting.end(STOPPED);
  };
  const enter = (next: typeof state) => {
    state = next;
    for (const attempting of [...attempts]) tell(attempting);
  };
  return {
    get begun() {
      return state !== "working";
    },
    follow(attempting) {
      attempts.add(attempting);
      attempting.onEnd(() => attempts.delete(attempting));
      tell(attempting);
    },
    begin: () => enter("begun"),
    end: () => enter("ended"),
  };
}

/** Whether what an attempt has begun may send a request. While the service is stopping, asking is what ends it. */
export function maySend(attempting: Attempting): boolean {
  if (attempting.stopping) attempting.end(STOPPED);
  return !attempting.over;
}

/** @throws PermanentFailure when an attempt may not begin this any more. */
export function refuseWhenOver(attempting: Attempting, what: string): void {
  if (maySend(attempting) && !attempting.failing) return;
  throw new PermanentFailure({
    tried: `beginning ${what} of ${attempting.workflow}`,
    happened: "the attempt is over",
    remedy: "Await everything that the workflow starts, and stop when `signal` aborts.",
  });
}

export const STOPPED_REASON = "The service was stopped before the attempt ended.";

const STOPPED: Outcome = { status: "failure", http: 500, kind: "transient", reason: STOPPED_REASON };
