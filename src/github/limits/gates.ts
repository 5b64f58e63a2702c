import type { AccountLimits, Limit, LimitLog } from "../../model/limits.ts";
import type { Answer } from "../answer.ts";
import { type Gate, type GateOptions, openGate } from "./gate.ts";
import { graphQLGate } from "./graphql-gate.ts";
import type { Resource } from "./pause.ts";

/** Above this number, gates with nothing to remember are closed: each token in a request opens one. */
const KEPT_GATES = 100;

/** Pauses that could not be read are read again after this time, ms. */
const RECALL_AGAIN_MS = 1000;

export type Gates = Awaited<ReturnType<typeof openGates>>;

type GatesOptions = Pick<GateOptions, "limits" | "clock" | "patienceMs"> & {
  /** Limits that only GraphQL has. */
  readonly graphqlLimits?: readonly Limit[];
  readonly log: LimitLog;
  /**
   * Prefix in the log, which also has accounts of other hosts: each GitHub has separate limits for the same account.
   */
  readonly host: string;
  readonly onPause: (account: string, until: number, answer: Answer) => void;
  /** For an account whose token a person renews: receives the time when it ends. */
  readonly onExpiryOf?: (account: string) => GateOptions["onExpiry"];
  readonly onTrouble?: ((account: string, trouble: unknown) => void) | undefined;
};

/**
 * The gates of a host, one for each account, opened when first used. Resolves once past spending and pauses are known.
 * When GitHub asks another process of the deployment to pause, these gates pause too.
 */
export async function openGates({ host, log, onPause, onExpiryOf, onTrouble, ...options }: GatesOptions) {
  const { clock, limits, graphqlLimits = [] } = options;
  const prefix = `${host} `;
  const gates = new Map<string, Gate>();
  const known = new Map<string, AccountLimits>();
  let cancelAlarm: (() => void) | undefined = () => {};

  function open(account: string): Gate {
    if (gates.size >= KEPT_GATES) {
      for (const [name, gate] of gates) if (gate.isIdle()) gates.delete(name);
    }
    const { resource } = gateOf(account);
    const gate = openGate({
      ...options,
      resource,
      limits: resource === "graphql" ? graphqlLimits : limits,
      log,
      account: prefix + account,
      known: known.get(account),
      onPause: (until, answer) => onPause(account, until, answer),
      onExpiry: onExpiryOf?.(account),
      onTrouble: (trouble) => onTrouble?.(account, trouble),
    });
    // A gate that is opened again has nothing to remember. Otherwise it would not have been closed.
    known.delete(account);
    gates.set(account, gate);
    return gate;
  }

  /** The gate of an account. It is in `all` while it is open. */
  const of = (account: string): Gate => gates.get(account) ?? open(account);

  async function recall(): Promise<void> {
    const longestMs = Math.max(0, ...[...limits, ...graphqlLimits].map(({ ms }) => ms));
    for (const each of ofPrefix(prefix, await log.recall(clock.now() - longestMs))) {
      if (!gates.has(each.account)) known.set(each.account, each);
      if (each.pause && each.pause.until > clock.now()) of(each.account).hear(each.pause);
    }
  }

  function recallMissed(): void {
    cancelAlarm?.();
    recall().catch(() => {
      if (cancelAlarm) cancelAlarm = clock.alarm(clock.now() + RECALL_AGAIN_MS, recallMissed);
    });
  }

  const stopHearing = log.hear((news) => {
    if ("missed" in news) recallMissed();
    else for (const { account, pause, isOver } of ofPrefix(prefix, [news])) of(account).hear(pause, isOver);
  });
  await recall();
  return {
    of,
    /** The gate for its GraphQL requests. */
    graphql: (account: string) => graphQLGate(of(account + GRAPHQL), of(account)),
    all: (): ReadonlyMap<string, Gate> => gates,
    /** Rejects everything from now on. */
    close(): void {
      stopHearing();
      cancelAlarm?.();
      cancelAlarm = undefined;
      for (const gate of gates.values()) gate.close();
    },
  };
}

/** Suffix of an account's name for what only its GraphQL requests use. */
const GRAPHQL = " graphql";

/** The account and the resource that a gate's name stands for. */
export function gateOf(name: string): { account: string; resource: Resource } {
  return name.endsWith(GRAPHQL)
    ? { account: name.slice(0, -GRAPHQL.length), resource: "graphql" }
    : { account: name, resource: "account" };
}

/** The accounts with this prefix, with the prefix removed. */
export function ofPrefix<T extends { readonly account: string }>(prefix: string, all: readonly T[]): readonly T[] {
  const found = all.filter(({ account }) => account.startsWith(prefix));
  return found.map((each) => ({ ...each, account: each.account.slice(prefix.length) }));
}
