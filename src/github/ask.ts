import { type Failure, isFailure, LimitReached, TransientFailure } from "../model/failure.ts";
import type { Lease } from "../model/lease.ts";
import { StoreUnavailable } from "../model/store.ts";
import { type Answer, isEncoded, isPage } from "./answer.ts";
import type { Credential, Credentials } from "./auth/credentials.ts";
import type { RememberedAnswers } from "./etags.ts";
import { type Attempted, failureOf, noAnswer } from "./failures.ts";
import type { Send } from "./http.ts";
import type { Reservation } from "./limits/gate.ts";
import type { Gates } from "./limits/gates.ts";

/** One request: resolves with an answer of an expected status, else throws a `Failure`. */
export type Ask = (
  attempted: Attempted,
  route: string,
  parameters: Readonly<Record<string, unknown>>,
  expected: readonly number[],
  options?: {
    /** Names a reading whose answer may be remembered with its ETag; GitHub is asked in any case. */
    readonly rememberAs?: string;
    /** False: sent once, whatever becomes of it. */
    readonly retry?: false | undefined;
  },
) => Promise<Answer>;

/** Keeps room for the write that follows what is read now; throws `LimitReached` while there is none. */
type MakeRoom = (attempted: Attempted) => Promise<void>;

/** Looks after each delay of the quick retries, until there is something. */
type LookAgain = <T>(look: () => Promise<T | undefined>) => Promise<T | undefined>;

/** Resolves after so many milliseconds; tests move their own clock. */
export type Wait = (milliseconds: number) => Promise<void>;

/** Delays before the second and the third try inside an attempt; longer faults are left to later attempts. */
const QUICK_RETRIES_MS = [300, 1000];

export type AskNeeds = {
  readonly apiUrl: string;
  readonly send: Send;
  readonly gates: Pick<Gates, "of">;
  readonly remembered: RememberedAnswers;
  readonly wait: Wait;
  /** Delays before the further tries, ms; none for whoever wants to know how it is now. */
  readonly retriesMs?: readonly number[] | undefined;
  /** Whose turn it is in the line of writes: the same for a run and for whatever takes its place. */
  readonly name: string;
  /** Told the `x-github-request-id` of every answer: GitHub's support asks for it. */
  readonly saw?: (requestId: string) => void;
  /** Of the attempt that asks; nothing else asks without it but checks of the settings and the App itself. */
  readonly lease?: Lease | undefined;
};

export type Asking = {
  readonly ask: Ask;
  readonly makeRoom: MakeRoom;
  readonly lookAgain: LookAgain;
  /** Gives back the room that was kept and not used. */
  release(): void;
};

/** Requests with a token for each, through the gate of its account, tried three times when a fault may pass. */
export function asking(credentials: Credentials, needs: AskNeeds): Asking {
  const { apiUrl, gates, wait, name, lease, retriesMs = QUICK_RETRIES_MS } = needs;
  /** Room kept for one write of an account. */
  const rooms = new Map<string, Reservation>();
  let released = false;

  const ask: Ask = async (attempted, route, parameters, expected, { rememberAs, retry } = {}) => {
    for (const delay of retry === false ? [] : retriesMs) {
      try {
        return await once();
      } catch (error) {
        if ((error as Failure).kind !== "transient") throw error;
        await wait(delay);
      }
    }
    return once();

    async function once(): Promise<Answer> {
      const credential = await credentials(attempted);
      let answer = await sendAs(credential);
      if (answer.status === 401 && credential.renew) {
        answer = await sendAs(await credential.renew());
        if (answer.status === 401) throw refusedAnew(attempted);
      }
      // A 404 page of some other server says nothing about a file.
      if (expected.includes(answer.status) && !isPage(answer) && !isEncoded(answer)) return answer;
      throw failureOf(attempted, answer, { apiUrl });
    }

    async function sendAs({ account, token }: Credential): Promise<Answer> {
      const kind = /^(?:GET|HEAD) /.test(route) ? "read" : "write";
      const reservation = kind === "write" ? rooms.get(account) : undefined;
      if (reservation) rooms.delete(account);
      const key = rememberAs && `${account}\n${rememberAs}`;
      const earlier = key ? needs.remembered.get(key) : undefined;
      const send = async (begin: () => void) => {
        let answered: (() => void) | undefined;
        try {
          return await needs.send(route, onlyIfChanged(parameters, earlier?.etag), token, async (abort) => {
            if (lease && !(await lease.holds())) throw takenOver(attempted);
            begin();
            answered?.();
            answered = lease?.sent(abort);
          });
        } finally {
          answered?.();
        }
      };
      const passed = await gates
        .of(account)
        .pass(kind, send, { name, reservation })
        .catch((error) => {
          throw isFailure(error) || error instanceof StoreUnavailable ? error : noAnswer(attempted, apiUrl, error);
        });
      if (!("answer" in passed)) throw notYet(attempted, passed);
      const { answer, notBefore } = passed;
      const requestId = answer.headers["x-github-request-id"];
      if (typeof requestId === "string") needs.saw?.(requestId);
      if (notBefore !== undefined) throw failureOf(attempted, answer, { apiUrl, notBefore });
      if (answer.status === 304 && earlier) return earlier.answer;
      if (key && answer.status === 200) needs.remembered.put(key, answer);
      return answer;
    }
  };

  return {
    ask,
    async makeRoom(attempted) {
      const { account } = await credentials(attempted);
      if (rooms.has(account)) return;
      const room = await gates.of(account).reserve(name);
      if ("notBefore" in room) throw notYet(attempted, room);
      // Others may have asked at the same time, and the attempt may be over by now.
      if (released || rooms.has(account)) room.release();
      else rooms.set(account, room);
    },
    async lookAgain(look) {
      for (const delay of retriesMs) {
        const found = await look();
        if (found !== undefined) return found;
        await wait(delay);
      }
      return look();
    },
    release() {
      released = true;
      for (const room of rooms.values()) room.release();
      rooms.clear();
    },
  };
}

function onlyIfChanged(
  parameters: Readonly<Record<string, unknown>>,
  etag: string | undefined,
): Readonly<Record<string, unknown>> {
  if (etag === undefined) return parameters;
  return { ...parameters, headers: { ...(parameters.headers as object | undefined), "if-none-match": etag } };
}

/** The gate did not let it through: nothing was sent. */
function notYet({ tried }: Attempted, { notBefore, why }: { notBefore: number; why: string }): LimitReached {
  const remedy = `Nothing to do: it continues at ${new Date(notBefore).toISOString()}.`;
  return new LimitReached({ tried, happened: `it has to wait: ${why}`, remedy }, notBefore);
}

/** Another process may have begun it anew: what it sends and what this one would send are the same. */
function takenOver({ tried }: Attempted): TransientFailure {
  return new TransientFailure({
    tried,
    happened: "it was not sent: this process had given no sign of life for so long that another may have taken it over",
    remedy: "Nothing to do: the run continues there.",
  });
}

/** A token that was issued a moment ago may not be known everywhere at GitHub yet. */
function refusedAnew({ tried }: Attempted): TransientFailure {
  return new TransientFailure({
    tried,
    happened: "GitHub answered 401 to a token that it had just issued",
    remedy: "Nothing to do if it passes; else see https://www.githubstatus.com.",
  });
}
