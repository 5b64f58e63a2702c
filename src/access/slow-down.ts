import { createHash } from "node:crypto";
import { isIPv6 } from "node:net";
import type { TryLater } from "../model/access.ts";
import { type Clock, pause } from "../model/clock.ts";

/** After this many wrong credentials from an address within this time, its credentials are checked one after the other. */
const FREE_FAILURES = 10;
const FAILURES_MS = 60_000;

/** One turn per address in this time. */
const TURN_MS = 500;

/** The most that may wait per address, and in total. Each of them holds a connection. */
const MAX_WAITING = 20;
const MAX_WAITING_ALL = 200;

/**
 * Failing addresses and right credentials to remember. The ones that were not used for the longest time are forgotten.
 */
const MAX_REMEMBERED = 10_000;

/**
 * A credential of this length cannot be guessed: `openssl rand -hex 32` makes 64 characters, and an issuer's token has
 * hundreds. It is checked immediately, so that other clients at the same address cannot delay a caller.
 */
const UNGUESSABLE_CHARACTERS = 32;

/** `waited`: checked or answered in its turn. `rejected`: too many waited. */
export type Slowed = "waited" | "rejected";

export type SlowDown = {
  /**
   * Checks a credential, and slows down addresses with many wrong ones. A credential that was right before at this
   * address, or that cannot be guessed, is checked immediately. Synchronous if the check is and nothing waits.
   * @param address of the client.
   * @param resultOf rates the result. `unchecked` counts as none of these. `beside` is a wrong credential of a
   *   caller who is identified by something else; it counts once, because a browser may send a proxy's password with
   *   every request.
   * @returns a request to try later, if too many wait.
   */
  checked<T>(
    address: string,
    credential: string,
    check: () => Maybe<T>,
    resultOf: (found: T) => Result,
  ): Maybe<T | TryLater>;
};

type Result = "right" | "wrong" | "beside" | "unchecked";

type Maybe<T> = T | Promise<T>;

type Address = {
  /** Wrong credentials since `since`, by the monotonic clock. */
  failures: number;
  since: number;
  /**
   * Credentials that are being checked. Each counts as wrong until it is known, because many can arrive before the
   * first result.
   */
  readonly checking: Set<string>;
  /** The next free turn. */
  busyUntil: number;
  waiting: number;
};

/**
 * @param slowed called for each credential that was slowed down.
 * @param stopping ends all waiting.
 */
export function slowDown(clock: Clock, slowed: (what: Slowed) => void, stopping?: AbortSignal): SlowDown {
  const failing = remembered<Address>();
  /** Credentials that pass immediately: they were right, or were counted once as `beside`. */
  const passing = remembered<true>();
  let waitingAll = 0;

  const isSlow = ({ failures, since, checking }: Address) =>
    checking.size + (clock.monotonic() - since < FAILURES_MS ? failures : 0) >= FREE_FAILURES;

  const addressOf = (network: string): Address =>
    failing.get(network) ?? { failures: 0, since: clock.monotonic(), checking: new Set(), busyUntil: 0, waiting: 0 };

  function noteFailure(network: string): void {
    const now = clock.monotonic();
    const known = addressOf(network);
    if (now - known.since >= FAILURES_MS) {
      known.failures = 0;
      known.since = now;
    }
    known.failures++;
    // From here the address stays slow until a minute passes without a wrong credential.
    if (known.failures >= FREE_FAILURES) known.since = now;
    failing.set(network, known);
  }

  /** Waits for a turn if the network is slowed down; undefined if it is not. */
  function turnOf(network: string): Promise<TryLater | undefined> | undefined {
    const known = failing.get(network);
    return known !== undefined && isSlow(known) ? turn(known) : undefined;
  }

  /** The same credential counts once, even if many requests bring it. */
  async function counted<T>(network: string, key: string, found: Promise<T>): Promise<T> {
    const address = addressOf(network);
    if (address.checking.has(key)) return found;
    address.checking.add(key);
    failing.set(network, address);
    try {
      return await found;
    } finally {
      address.checking.delete(key);
    }
  }

  async function turn(address: Address): Promise<TryLater | undefined> {
    const now = clock.monotonic();
    const waitMs = Math.max(0, address.busyUntil - now);
    if (address.waiting >= MAX_WAITING || waitingAll >= MAX_WAITING_ALL) {
      slowed("rejected");
      const retryAfterSeconds = Math.max(1, Math.ceil(waitMs / 1000));
      return { status: "later", http: 429, reason: TOO_MANY, retryAfterSeconds };
    }
    slowed("waited");
    address.busyUntil = now + waitMs + TURN_MS;
    address.waiting++;
    waitingAll++;
    try {
      await pause(clock, waitMs, stopping);
    } finally {
      address.waiting--;
      waitingAll--;
    }
    return undefined;
  }

  return {
    checked<T>(client: string, credential: string, check: () => Maybe<T>, resultOf: (found: T) => Result) {
      /**
       * A wrong credential that cannot be guessed waits for its turn, so that many parallel attempts gain nothing.
       */
      function unguessable(found: T): Maybe<T | TryLater> {
        if (resultOf(found) !== "wrong") return found;
        const network = networkOf(client);
        const waited = turnOf(network);
        noteFailure(network);
        return waited?.then((tooMany) => tooMany ?? found) ?? found;
      }

      function guessable(): Maybe<T | TryLater> {
        const network = networkOf(client);
        const key = `${network} ${createHash("sha256").update(credential).digest("base64")}`;
        const passes = passing.get(key) !== undefined;
        const settle = (found: T) => {
          const result = resultOf(found);
          if (result === "wrong" || (result === "beside" && !passes)) noteFailure(network);
          if (result === "right" || result === "beside") passing.set(key, true);
          return found;
        };
        const waited = passes ? undefined : turnOf(network);
        if (waited !== undefined) return waited.then(async (tooMany) => tooMany ?? settle(await check()));
        const found = check();
        if (!(found instanceof Promise)) return settle(found);
        return (passes ? found : counted(network, key, found)).then(settle);
      }

      if (credential.length < UNGUESSABLE_CHARACTERS) return guessable();
      const found = check();
      return found instanceof Promise ? found.then(unguessable) : unguessable(found);
    },
  };
}

const TOO_MANY =
  "Too many wrong credentials came from this address, and too many requests wait to be checked. Send the request again later.";

/**
 * The unit that is slowed down: an IPv4 address, or the 64-bit network of an IPv6 address, because a client can choose
 * any address in its network.
 * @see https://www.rfc-editor.org/rfc/rfc6177
 */
export function networkOf(address: string): string {
  // An IPv6 server sees IPv4 addresses in this form.
  const [, mapped] = /^::ffff:([\d.]+)$/i.exec(address) ?? [];
  if (mapped !== undefined || !isIPv6(address)) return mapped ?? address;
  const [head = "", tail] = address.split("%", 1)[0]?.split("::") ?? [];
  const groups = (text: string | undefined) => (text ? text.split(":") : []);
  const missing = tail === undefined ? 0 : 8 - groups(head).length - groups(tail).length;
  const all = [...groups(head), ...Array<string>(Math.max(0, missing)).fill("0"), ...groups(tail)];
  return `${all
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(":")}::/64`;
}

/** A map that forgets the entry that was not used for the longest time. */
function remembered<T>() {
  const entries = new Map<string, T>();
  return {
    get(key: string): T | undefined {
      const value = entries.get(key);
      if (value === undefined) return undefined;
      entries.delete(key);
      entries.set(key, value);
      return value;
    },
    set(key: string, value: T): void {
      entries.delete(key);
      entries.set(key, value);
      const [oldest] = entries.size > MAX_REMEMBERED ? entries.keys() : [];
      if (oldest !== undefined) entries.delete(oldest);
    },
    delete: (key: string) => entries.delete(key),
  };
}
