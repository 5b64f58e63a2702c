import type { GraphQLError } from "./graphql.ts";
import type { FailureStatus } from "./run.ts";
import { oneLine } from "./visible.ts";

/**
 * The closed set of things that can go wrong while a workflow runs. The kind decides what happens next:
 * a permanent failure needs a person, a transient one is tried again, a limit is waited for.
 */
export type Failure = PermanentFailure | TransientFailure | LimitReached;

/** The three sentences that every failure owes its reader, and the error behind it. */
export type FailureFacts = {
  /** What was tried, as a noun phrase: "reading a.yaml in acme/deployment". */
  readonly tried: string;
  /** What happened instead: "GitHub answered 403 ...". */
  readonly happened: string;
  /** What the reader can do about it, as a sentence. */
  readonly remedy: string;
  /** Which argument of the caller's is wrong, so that a workflow can name the setting that it comes from. */
  readonly about?: "path" | "ref" | "event type" | "no run";
  /** False: it is certain that GitHub has not taken the request. */
  readonly sent?: false;
  /** Of "no run": the same event may start something when it is sent again. */
  readonly sendAgain?: true;
  /** Of a GraphQL request: what GitHub's answer names, up to 50. */
  readonly errors?: readonly GraphQLError[];
  readonly cause?: unknown;
};

class Failed extends Error {
  readonly facts: FailureFacts;
  readonly http: FailureStatus;

  constructor(facts: FailureFacts, http: FailureStatus = 500) {
    super(sentence(facts), { cause: facts.cause });
    this.facts = facts;
    this.http = http;
  }
}

/** A person must act; trying again changes nothing. */
export class PermanentFailure extends Failed {
  override readonly name = "PermanentFailure";
  readonly kind = "permanent";
}

/** Time may help: no answer, a reset connection, a 5xx. */
export class TransientFailure extends Failed {
  override readonly name = "TransientFailure";
  readonly kind = "transient";
  /** The failed attempt after which the run ends, where that is known to be enough. */
  readonly attempts: number | undefined;

  constructor(facts: FailureFacts, { http, attempts }: { http?: FailureStatus; attempts?: number } = {}) {
    super(facts, http);
    this.attempts = attempts;
  }
}

/** GitHub asks for silence until `notBefore` (epoch milliseconds). It does not count as an attempt. */
export class LimitReached extends Failed {
  override readonly name = "LimitReached";
  readonly kind = "limit";
  readonly notBefore: number;

  constructor(facts: FailureFacts, notBefore: number) {
    super(facts);
    this.notBefore = notBefore;
  }
}

/** By name, not by class: a workflow that is tested may use another copy of this module. */
export function isFailure(error: unknown): error is Failure {
  return error instanceof Error && NAMES.includes(error.name) && "kind" in error;
}

/** The same failure, of a request that was certainly not sent (false), or of one of which that is not certain. */
export function sentOf(failure: Failure, sent: false | undefined): Failure {
  const { sent: _, ...rest } = failure.facts;
  const facts = sent === undefined ? rest : { ...rest, sent };
  switch (failure.kind) {
    case "permanent":
      return new PermanentFailure(facts, failure.http);
    case "transient":
      return new TransientFailure(facts, {
        http: failure.http,
        ...(failure.attempts !== undefined && { attempts: failure.attempts }),
      });
    case "limit":
      return new LimitReached(facts, failure.notBefore);
  }
}

const NAMES = ["PermanentFailure", "TransientFailure", "LimitReached"];

function sentence({ tried, happened, remedy }: FailureFacts): string {
  const [start, end, advice] = [tried, happened, remedy].map(oneLine);
  return `${start?.charAt(0).toUpperCase()}${start?.slice(1)} failed: ${end}. ${advice}`;
}
