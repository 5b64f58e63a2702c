import { isFailure, LimitReached, sentOf, TransientFailure } from "../model/failure.ts";
import type { Lease } from "../model/lease.ts";
import type { Fetch, NoteWrite } from "../model/network.ts";
import type { GitHubOutcome } from "../model/outage.ts";
import { QUICK_RETRIES_MS } from "../model/retry.ts";
import { StoreUnavailable } from "../model/store.ts";
import { type Answer, type Brief, isEncoded, isPage } from "./answer.ts";
import type { Credential, Credentials } from "./auth/credentials.ts";
import type { RememberedAnswers } from "./etags.ts";
import { type Attempted, failureOf, isFault, noAnswer } from "./failures.ts";
import type { OpenIncidents } from "./github-status.ts";
import { type Allows, graphQLFailure, takenApart } from "./graphql/errors.ts";
import { GRAPHQL_ROUTE, isQuery } from "./graphql/request.ts";
import type { Send } from "./http.ts";
import type { Room } from "./limits/admission.ts";
import type { Kind } from "./limits/budget.ts";
import type { Gates } from "./limits/gates.ts";

/** Sends one request. Resolves with an answer that has an expected status. Otherwise throws a `Failure`. */
export type Ask = (
  attempted: Attempted,
  route: string,
  parameters: Readonly<Record<string, unknown>>,
  expected: readonly number[],
  options?: AskOptions,
) => Promise<Answer>;

export type AskOptions = {
  /** Name under which the answer to a read may be remembered with its ETag. GitHub is still asked every time. */
  readonly rememberAs?: string;
  /** Reduces the body of a 200 before it is kept, if much less of it is needed. */
  readonly reduce?: (answer: Answer) => Uint8Array;
  /** False: the request is sent once, and never retried. */
  readonly retry?: false | undefined;
  /** For GraphQL: errors in the answer that do not fail the request. */
  readonly allows?: Allows;
  /** A write that waits while other writes need the room. */
  readonly yields?: true;
};

/** Resolves after this many milliseconds. Tests move a clock instead. */
export type Wait = (milliseconds: number) => Promise<void>;

/** One GitHub, and what all of its askers share. */
export type GitHubHost = {
  readonly apiUrl: string;
  /** `owner/name`: requests that name no repository use the token for this one. */
  readonly targetRepo: string;
  readonly send: Send;
  /** For other hosts, such as the one where GitHub keeps artifacts. */
  readonly outside: Fetch;
  readonly gates: Pick<Gates, "of" | "graphql">;
  readonly remembered: RememberedAnswers;
  readonly wait: Wait;
  readonly brief: Brief;
  /** Epoch milliseconds by GitHub's clock, where that is known. */
  readonly now: () => number;
  /** Undefined if there is no status page. */
  readonly incidents?: OpenIncidents | undefined;
  /** Delays before the further tries, ms. None for a check of the present state. */
  readonly retriesMs?: readonly number[] | undefined;
  /** Receives the outcome of each request. */
  readonly heard?: ((outcome: GitHubOutcome) => void) | undefined;
};

/** Who asks: an attempt of a run, a check of the settings, or an App as itself. */
export type Asker = {
  readonly credentials: Credentials;
  /** Its place in the line of writes. It is the same for all attempts of a run. */
  readonly name: string;
  /** Receives the `x-github-request-id` of every answer: GitHub's support asks for it. */
  readonly saw?: (requestId: string) => void;
  /** Receives every request that changes something. */
  readonly wrote?: NoteWrite | undefined;
  /** The attempt's lease. Checks and the App have none. */
  readonly lease?: Lease | undefined;
};

export type Asking = ReturnType<typeof asking>;

/** Requests with the right token, through the gate of its account. A fault that may pass is tried three times. */
export function asking(host: GitHubHost, asker: Asker) {
  const { wait, retriesMs = QUICK_RETRIES_MS } = host;
  const rooms = keptRooms();
  const way = { host, asker, rooms };

  const ask: Ask = async (attempted, route, parameters, expected, { retry, ...kept } = {}) => {
    const request = { attempted, route, parameters, ...kept };
    let mayBeSent = false;
    for (const delay of [...(retry === false ? [] : retriesMs), undefined]) {
      try {
        return await askOnce(way, request, expected);
      } catch (error) {
        if (!isFailure(error)) throw error;
        if (error.kind !== "transient" || delay === undefined) throw mayBeSent ? sentOf(error, undefined) : error;
        mayBeSent ||= error.facts.sent !== false;
        await wait(delay);
      }
    }
    throw new Error("the last try has no delay after it");
  };

  return {
    ask,
    /** Keeps room for the write that follows these reads. Throws `LimitReached` while there is none. */
    async makeRoom(attempted: Attempted): Promise<void> {
      const { account } = await asker.credentials(attempted);
      if (rooms.has(account)) return;
      const room = await host.gates.of(account).reserve(asker.name);
      if ("notBefore" in room) throw notYet(attempted, room);
      rooms.keep(account, room);
    },
    /** Looks again after each delay of the quick retries, until it finds something. */
    async lookAgain<T>(
      look: () => Promise<T | undefined>,
      isNothing: (error: unknown) => boolean,
    ): Promise<T | undefined> {
      for (const delay of retriesMs) {
        try {
          const found = await look();
          if (found !== undefined) return found;
        } catch (error) {
          if (!isNothing(error)) throw error;
        }
        await wait(delay);
      }
      return look();
    },
    /** Gives back room that was kept but not used. */
    release: rooms.release,
  };
}

type Request = {
  readonly attempted: Attempted;
  readonly route: string;
  readonly parameters: Readonly<Record<string, unknown>>;
} & Pick<AskOptions, "rememberAs" | "reduce" | "yields" | "allows">;

type Way = { readonly host: GitHubHost; readonly asker: Asker; readonly rooms: ReturnType<typeof keptRooms> };

async function askOnce(way: Way, request: Request, expected: readonly number[]): Promise<Answer> {
  const { attempted } = request;
  const credential = await way.asker.credentials(attempted).catch((error) => {
    throw isFailure(error) ? sentOf(error, false) : error;
  });
  let answer = await askAs(credential, way, request);
  if (answer.status === 401 && credential.renew) {
    const other = await credential.renew();
    if (other) answer = await askAs(other, way, request);
    if (other && answer.status === 401)
      throw new TransientFailure({ tried: attempted.tried, ...NOT_KNOWN_YET, sent: false });
  }
  // A 404 page of another server says nothing about a file.
  const isExpected = expected.includes(answer.status) && !hasErrors(answer);
  if (isExpected && !isPage(answer) && !isEncoded(answer)) return answer;
  throw failed(attempted, answer, { apiUrl: way.host.apiUrl, by: credential });
}

async function askAs(
  { account, token }: Credential,
  { host: { apiUrl, gates, remembered, send, heard, brief }, asker: { name, saw, lease, wrote }, rooms }: Way,
  { attempted, route, parameters, rememberAs, reduce, yields, allows = () => false }: Request,
): Promise<Answer> {
  const key = rememberAs && `${account}\n${rememberAs}`;
  const earlier = key ? remembered.get(key) : undefined;
  const sent = earlier
    ? {
        ...parameters,
        headers: { ...(parameters.headers as object | undefined), "if-none-match": earlier.headers.etag },
      }
    : parameters;
  const { tried } = attempted;
  const isGraphQL = route === GRAPHQL_ROUTE;
  const kind = /^(?:GET|HEAD) /.test(route) || (isGraphQL && isQuery(parameters)) ? "read" : "write";
  const by = { asker: name, isRun: lease !== undefined, kind } as const;
  const what: Kind = kind === "write" && yields ? "report" : kind;
  const reservation = what === "write" ? rooms.take(account) : undefined;
  const sendLeased = async (begin: () => void) => {
    let answered: (() => void) | undefined;
    try {
      const beginLeased = async (abort: (reason: Error) => void) => {
        if (lease && !(await lease.holds())) throw new TransientFailure({ tried, ...TAKEN_OVER, sent: false });
        begin();
        answered?.();
        answered = lease?.sent(abort);
      };
      const answer = await send(route, sent, token, beginLeased, kind === "write" ? wrote : undefined);
      // Take GraphQL apart before the gate hears the answer: it may be a limit.
      return isGraphQL ? takenApart(answer, attempted, allows, brief) : answer;
    } finally {
      answered?.();
    }
  };
  const gate = isGraphQL ? gates.graphql(account) : gates.of(account);
  const passed = await gate.pass(what, sendLeased, { name, reservation }).catch((error) => {
    if (isFailure(error) || error instanceof StoreUnavailable) throw error;
    const failure = noAnswer(attempted, apiUrl, error);
    if (failure.kind === "transient") heard?.({ ...by, fault: failure.facts.happened });
    throw failure;
  });
  if (!("answer" in passed)) throw notYet(attempted, passed);
  const { notBefore } = passed;
  const { status } = passed.answer;
  heard?.({ ...by, fault: isFault(passed.answer) ? `GitHub answered ${status}` : undefined });
  const answer = status === 200 && reduce ? { ...passed.answer, bytes: reduce(passed.answer) } : passed.answer;
  const requestId = answer.headers["x-github-request-id"];
  if (typeof requestId === "string") saw?.(requestId);
  if (notBefore !== undefined) throw failed(attempted, answer, { apiUrl, notBefore });
  if (status === 304 && earlier) return earlier;
  if (key && status === 200) remembered.put(key, answer);
  return answer;
}

const hasErrors = ({ graphql }: Answer) => graphql !== undefined && graphql.errors.length > 0;

const failed: typeof failureOf = (attempted, answer, context) =>
  hasErrors(answer) ? graphQLFailure(attempted, answer, context) : failureOf(attempted, answer, context);

/** Keeps room for one write per account, until it is used or the attempt ends. */
function keptRooms() {
  const rooms = new Map<string, Room>();
  let hasEnded = false;
  return {
    has: (account: string) => rooms.has(account),
    keep(account: string, room: Room): void {
      // Other reads may have asked at the same time, or the attempt may have ended.
      if (hasEnded || rooms.has(account)) room.settle(undefined);
      else rooms.set(account, room);
    },
    take(account: string): Room | undefined {
      const room = rooms.get(account);
      rooms.delete(account);
      return room;
    },
    release(): void {
      hasEnded = true;
      for (const room of rooms.values()) room.settle(undefined);
      rooms.clear();
    },
  };
}

/** The gate did not accept the request, so nothing was sent. */
function notYet({ tried }: Attempted, { notBefore, why }: { notBefore: number; why: string }): LimitReached {
  const remedy = `Nothing to do: it continues at ${new Date(notBefore).toISOString()}.`;
  return new LimitReached({ tried, happened: `gh-runner has to wait: ${why}`, remedy, sent: false }, notBefore);
}

/** Another process may have started the run again. It sends the same requests as this process would. */
const TAKEN_OVER = {
  happened:
    "it was not sent: this process had not renewed its lease for so long that another process may have taken over the run",
  remedy: "Nothing to do: the run continues there.",
};

/** A token that was just issued may not be known everywhere at GitHub yet. */
const NOT_KNOWN_YET = {
  happened: "GitHub answered 401 to a token that it had just issued",
  remedy: "This is usually temporary. If it continues, see https://www.githubstatus.com.",
};
