import type { AccountLimits, Limit, LimitLog } from "../../model/limits.ts";
import type { Answer } from "../answer.ts";
import { type Gate, type GateOptions, openGate } from "./gate.ts";
import { graphQLGate } from "./graphql-gate.ts";
import type { Resource } from "./pause.ts";

/** Beyond this number, gates that have nothing to remember are closed: each token that a request brings opens one. */
const KEPT_GATES = 100;

/** What could not be recalled is recalled again after this time, ms. */
const RECALL_AGAIN_MS = 1000;

export type Gates = Awaited<ReturnType<typeof openGates>>;

type GatesOptions = Pick<GateOptions, "limits" | "clock" | "patienceMs"> & {
  /** Those that only GraphQL has. */
  readonly graphqlLimits?: readonly Limit[];
  readonly log: LimitLog;
  /** The log also has other hosts' accounts: each GitHub has its limits for the same account. */
  readonly host: string;
  readonly onPause: (account: string, until: number, answer: Answer) => void;
  /** For an account whose token a person renews: gets the time when it ends. */
  readonly onExpiryOf?: (account: string) => GateOptions["onExpiry"];
  readonly onTrouble?: ((account: string, trouble: unknown) => void) | undefined;
};

/**
 * The gates of a host, one for each account, opened when they are first asked for. Resolves once it is known what was
 * spent and told before. When GitHub tells another process of the deployment to be silent, these gates are, too.
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
    // A gate that is opened again has nothing to remember: else the first would not have been closed.
    known.delete(account);
    gates.set(account, gate);
    return gate;
  }

  /** The gate of an account; it is in `all` while it is open. */
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
    /** That of its GraphQL requests. */
    graphql: (account: string) => graphQLGate(of(account + GRAPHQL), of(account)),
    all: (): ReadonlyMap<string, Gate> => gates,
    /** Lets nothing through any more. */
    close(): void {
      stopHearing();
      cancelAlarm?.();
      cancelAlarm = undefined;
      for (const gate of gates.values()) gate.close();
    },
  };
}

/** After the name of an account: what is counted of its GraphQL requests alone. */
const GRAPHQL = " graphql";

/** The account that a gate's name is about, and what of it. */
export function gateOf(name: string): { account: string; resource: Resource } {
  return name.endsWith(GRAPHQL)
    ? { account: name.slice(0, -GRAPHQL.length), resource: "graphql" }
    : { account: name, resource: "account" };
}

/** Those whose accounts begin so, without it. */
export function ofPrefix<T extends { readonly account: string }>(prefix: string, all: readonly T[]): readonly T[] {
  const found = all.filter(({ account }) => account.startsWith(prefix));
  return found.map((each) => ({ ...each, account: each.account.slice(prefix.length) }));
}
