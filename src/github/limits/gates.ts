import type { AccountLimits } from "../../model/limits.ts";
import { type Gate, type GateNeeds, openGate } from "./gate.ts";
import { shareInFlight } from "./share-in-flight.ts";

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

export function openGates(
  needs: Omit<GateNeeds, "account" | "known" | "share" | "onPause" | "onExpiry" | "onTrouble"> & {
    readonly known: readonly AccountLimits[];
    readonly onPause: (account: string, ...pause: Parameters<NonNullable<GateNeeds["onPause"]>>) => void;
    /** For an account whose token a person renews: gets the time when it ends. */
    readonly onExpiryOf?: (account: string) => GateNeeds["onExpiry"];
    readonly onTrouble?: (account: string, trouble: unknown) => void;
  },
): Gates {
  const gates = new Map<string, Gate>();
  const share = shareInFlight();
  const known = new Map(needs.known.map((each) => [each.account, each]));

  const open = (account: string): Gate => {
    const onExpiry = needs.onExpiryOf?.(account);
    if (gates.size >= KEPT_GATES) {
      for (const [name, gate] of gates) if (gate.isIdle()) gates.delete(name);
    }
    const gate = openGate({
      ...needs,
      account,
      share,
      known: known.get(account),
      onPause: (...pause) => needs.onPause(account, ...pause),
      ...(onExpiry && { onExpiry }),
      onTrouble: (trouble) => needs.onTrouble?.(account, trouble),
    });
    // A gate that is opened again has nothing to remember: else the first would not have been closed.
    known.delete(account);
    gates.set(account, gate);
    return gate;
  };

  return {
    of: (account) => gates.get(account) ?? open(account),
    all: () => gates,
    close() {
      for (const gate of gates.values()) gate.close();
    },
  };
}
