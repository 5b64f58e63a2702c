import type { AccountLimits, LimitLog } from "../../model/limits.ts";
import { type Gate, type GateNeeds, openGate } from "./gate.ts";

/** The gates of a host, one for each account, opened when they are first asked for. */
export type Gates = {
  of(account: string): Gate;
  /** What is open at the moment, by account. */
  all(): ReadonlyMap<string, Gate>;
  /** Lets nothing through any more. */
  close(): void;
};

/** Gates that have nothing to remember are closed beyond so many: each token that a request brings opens one. */
const KEPT_GATES = 100;

/** What could not be recalled is recalled again after so long, ms. */
const RECALL_AGAIN_MS = 1000;

type Needs = Pick<GateNeeds, "limits" | "clock" | "patienceMs"> & {
  readonly log: LimitLog;
  /** The log has other hosts' accounts, too: another GitHub has limits of its own for the same account. */
  readonly host: string;
  readonly onPause: (account: string, ...pause: Parameters<NonNullable<GateNeeds["onPause"]>>) => void;
  /** For an account whose token a person renews: gets the time when it ends. */
  readonly onExpiryOf?: (account: string) => GateNeeds["onExpiry"];
  readonly onTrouble?: ((account: string, trouble: unknown) => void) | undefined;
};

/**
 * Resolves once it is known what was spent and told before. When GitHub tells another process of the deployment to be
 * silent, these gates are, too.
 */
export async function openGates({ host, log, onPause, onExpiryOf, onTrouble, ...needs }: Needs): Promise<Gates> {
  const { clock, limits } = needs;
  const prefix = `${host} `;
  const gates = new Map<string, Gate>();
  let known = new Map<string, AccountLimits>();
  let cancelAlarm: (() => void) | undefined = () => {};

  function open(account: string): Gate {
    if (gates.size >= KEPT_GATES) {
      for (const [name, gate] of gates) if (gate.isIdle()) gates.delete(name);
    }
    const gate = openGate({
      ...needs,
      log,
      account: prefix + account,
      known: known.get(account),
      onPause: (...pause) => onPause(account, ...pause),
      onExpiry: onExpiryOf?.(account),
      onTrouble: (trouble) => onTrouble?.(account, trouble),
    });
    // A gate that is opened again has nothing to remember: else the first would not have been closed.
    known.delete(account);
    gates.set(account, gate);
    return gate;
  }

  const of = (account: string) => gates.get(account) ?? open(account);

  async function recall(): Promise<void> {
    const longestMs = Math.max(0, ...limits.map(({ ms }) => ms));
    const recalled = ofPrefix(prefix, await log.recall(clock.now() - longestMs));
    known = new Map(recalled.map((each) => [each.account, each]));
    for (const { account, pause } of recalled) if (pause && pause.until > clock.now()) of(account).hear(pause);
  }

  function recallMissed(): void {
    cancelAlarm?.();
    recall().catch(() => {
      if (cancelAlarm) cancelAlarm = clock.alarm(clock.now() + RECALL_AGAIN_MS, recallMissed);
    });
  }

  const stopHearing = log.hear((news) => {
    if ("missed" in news) recallMissed();
    else for (const { account } of ofPrefix(prefix, [news])) of(account).hear(news.pause, { isOver: news.isOver });
  });
  await recall();
  return {
    of,
    all: () => gates,
    close() {
      stopHearing();
      cancelAlarm?.();
      cancelAlarm = undefined;
      for (const gate of gates.values()) gate.close();
    },
  };
}

/** Those whose accounts begin so, without it. */
export function ofPrefix<T extends { readonly account: string }>(prefix: string, all: readonly T[]): readonly T[] {
  return all.flatMap((each) =>
    each.account.startsWith(prefix) ? [{ ...each, account: each.account.slice(prefix.length) }] : [],
  );
}
