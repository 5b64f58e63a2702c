import type { GraphQLError } from "./graphql.ts";
import type { FailureStatus } from "./run.ts";
import { oneLine } from "./visible.ts";

/**
 * All kinds of failure of a workflow. The kind decides what happens next: a permanent failure needs a person, a
 * transient one is retried, and a limit is waited for.
 */
export type Failure = PermanentFailure | TransientFailure | LimitReached;

/** The three parts of every failure's message, and the error behind it. */
export type FailureFacts = {
  /** What was tried, as a noun phrase: "reading a.yaml in acme/deployment". */
  readonly tried: string;
  /** What happened instead: "GitHub answered 403 ...". */
  readonly happened: string;
  /** What the reader can do, as a sentence. */
  readonly remedy: string;
  /** Which of the caller's arguments is wrong, so that a workflow can name its setting. */
  readonly about?: "path" | "ref" | "event type" | "no run";
  /** False: GitHub certainly has not carried out the request. It was never sent, or GitHub rejected it. */
  readonly sent?: false;
  /** For "no run": sending the same event again may start something. */
  readonly sendAgain?: true;
  /** For a GraphQL request: the errors in GitHub's answer, up to 50. */
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

/** A person must act; a retry changes nothing. The run fails. */
export class PermanentFailure extends Failed {
  override readonly name = "PermanentFailure";
  readonly kind = "permanent";
}

/** Time may help: no answer, a reset connection, a 5xx. The run is attempted again later. */
export class TransientFailure extends Failed {
  override readonly name = "TransientFailure";
  readonly kind = "transient";
  /** The number of failed attempts after which the run ends, if that is known. */
  readonly attempts: number | undefined;

  constructor(facts: FailureFacts, { http, attempts }: { http?: FailureStatus; attempts?: number } = {}) {
    super(facts, http);
    this.attempts = attempts;
  }
}

/**
 * GitHub, or a chat, accepts no requests until `notBefore` (epoch milliseconds). The run is attempted again then. This
 * does not count as a failed attempt.
 */
export class LimitReached extends Failed {
  override readonly name = "LimitReached";
  readonly kind = "limit";
  readonly notBefore: number;

  constructor(facts: FailureFacts, notBefore: number) {
    super(facts);
    this.notBefore = notBefore;
  }
}

/** By name, not by class, because a test of a workflow may use another copy of this module. */
export function isFailure(error: unknown): error is Failure {
  return error instanceof Error && NAMES.includes(error.name) && "kind" in error;
}

/** The same failure for a request that was certainly not carried out (false), or that may have been. */
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
