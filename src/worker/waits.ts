import type { Claim, ClaimedWait } from "../model/claim.ts";
import type { CallbackOptions, OpenCallback, WaitUntilOptions } from "../model/context.ts";
import { type Duration, millisecondsOf } from "../model/duration.ts";
import { type Failure, PermanentFailure } from "../model/failure.ts";
import { jsonSchemaOf } from "../model/json-schema.ts";
import { problemsIn } from "../model/problems.ts";
import type { RunStore } from "../model/store.ts";
import type { Schema } from "../model/triggers.ts";
import { wakeKeys } from "../model/waits.ts";
import type { StepParts } from "./steps.ts";
import type { Suspending, Terms } from "./suspending.ts";

export type WaitParts = StepParts & {
  readonly store: Pick<RunStore, "openCallback">;
  readonly suspending: Suspending;
  /** The URL of the callback with this secret; undefined if the service does not know its address. */
  readonly callbackUrl?: ((secret: string) => string) | undefined;
  /** Hides a secret until the attempt has ended and is stored. */
  readonly hide: (secret: string) => void;
};

export type Waits = ReturnType<typeof waitsOf>;

/** The waits of a workflow's context. */
export function waitsOf(claim: Claim, parts: WaitParts & { readonly nameOf: (given: string) => string }) {
  const { store, clock, insist, attempting, lease, observe, suspending, callbackUrl, nameOf } = parts;

  /** Runs a check like a step: calls in it are awaited, and their failures count. */
  async function checked(name: string, check: () => unknown) {
    await lease.holds();
    attempting.begin(`the check of ${name}`);
    const result = await observe.step(name, () => attempting.calls.within(async () => check()));
    if (result !== false) return result === undefined ? undefined : { result };
    throw new PermanentFailure({
      tried: `checking ${name}`,
      happened: "the check returned false, which counts as a result",
      remedy: "Return undefined to keep waiting, and a result to end the wait.",
    });
  }

  return {
    sleep(given: string, length: Duration | Date): Promise<void> {
      const name = nameOf(given);
      const look = async (underWay: ClaimedWait | undefined) => {
        const isPast = length instanceof Date && length.getTime() <= clock.now();
        return (underWay?.isOver ?? isPast) ? { result: undefined } : undefined;
      };
      return suspending.wait("sleep", name, { terms: () => sleeping(name, length), look });
    },
    waitUntil<Result>(
      given: string,
      check: () => Promise<Result | undefined> | Result | undefined,
      options: WaitUntilOptions = {},
    ): Promise<Result> {
      const name = nameOf(given);
      const look = () => checked(name, check);
      return suspending.wait("waitUntil", name, { terms: () => checking(name, options), look });
    },
    callback<Body>(given: string, options: CallbackOptions<Body> = {}): Promise<OpenCallback<Body>> {
      const { body: schema, timeout = "7d" } = options;
      const name = nameOf(given);
      const open = async () => {
        if (!callbackUrl) throw withoutAddress(name);
        const asked = { name, schema: schema && jsonSchemaOf(schema) };
        const secret = await insist(() => store.openCallback(claim, asked));
        parts.hide(secret);
        return { url: callbackUrl(secret) };
      };
      const look = async ({ answer }: Partial<ClaimedWait> = {}) =>
        answer && { result: schema ? fitting(schema, answer, name) : answer.body };
      return suspending.opened("callback", name, open, { terms: () => answering(name, timeout), look });
    },
  };
}

function sleeping(name: string, length: Duration | Date): Terms {
  // Never thrown: a sleep whose time is over has ended.
  const late = () => timeOver(name, "its time is over");
  if (!(length instanceof Date)) {
    return { words: `sleeps for ${length} (${name})`, until: { inMs: millisecondsOf(length) }, late };
  }
  const at = length.getTime();
  if (!Number.isNaN(at)) return { words: `sleeps until ${length.toISOString()} (${name})`, until: { at }, late };
  const happened = "the Date is invalid";
  throw new PermanentFailure({ tried: `sleeping (${name})`, happened, remedy: "Check how it was created." });
}

/** All runs share GitHub's limits and the store, so nothing is checked more often. */
const LEAST_EVERY_MS = 1000;

function checking(name: string, { every = "1m", timeout = "1d", wakeOn }: WaitUntilOptions): Terms {
  return {
    words: `waits until ${name} (for up to ${timeout}, checked every ${every})`,
    until: { inMs: millisecondsOf(timeout) },
    againInMs: Math.max(LEAST_EVERY_MS, millisecondsOf(every)),
    wakeKeys: wakeOn === undefined ? [] : wakeKeys(wakeOn),
    late: () => timeOver(name, `its check gave no result within ${timeout}`),
  };
}

function answering(name: string, timeout: Duration): Terms {
  return {
    words: `waits for the callback ${name} (for up to ${timeout})`,
    until: { inMs: millisecondsOf(timeout) },
    late: () => timeOver(name, `its callback was not answered within ${timeout}`),
  };
}

function timeOver(name: string, happened: string): Failure {
  const remedy =
    "Find out what delays it, then re-run from the failed step to wait again. Raise `timeout` to wait longer.";
  return new PermanentFailure({ tried: `waiting for ${name}`, happened, remedy });
}

/** A body as the workflow's schema reads it. JSON Schema's part was checked when it arrived. */
function fitting<Body>(schema: Schema<Body>, { body, actor }: NonNullable<ClaimedWait["answer"]>, name: string): Body {
  const read = schema.safeParse(body);
  if (read.success) return read.data;
  throw new PermanentFailure({
    tried: `reading the answer to the callback ${name}`,
    happened: `the answer of ${actor} is not valid: ${problemsIn(read.error, { whole: "body" }).join("; ")}`,
    remedy: "Re-run from the start to ask again.",
  });
}

function withoutAddress(name: string): Failure {
  return new PermanentFailure({
    tried: `creating a URL for the callback ${name}`,
    happened: "the service does not know its public address",
    remedy: "Set PUBLIC_URL to it, such as https://gh-runner.example.com, and re-run.",
  });
}
