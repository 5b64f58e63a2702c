import { randomUUID } from "node:crypto";
import { type Admitted, HELD_MS, type SharedLimits } from "../../model/limits.ts";
import { COST, type Held, type Kind } from "./spending.ts";

/** Room that the other processes know of once it is stored as `admitted`. A read is spent with that, a write held. */
export function sharedRoom(
  kind: Kind,
  held: Held,
  { now, shared }: { now: number; shared: Pick<SharedLimits, "settle"> },
): { readonly room: Held; readonly admitted: Admitted } {
  if (kind === "read") return { room: { ...held, note() {} }, admitted: { at: now, ...COST.read } };
  const id = randomUUID();
  // When it cannot be stored, the others count it for longer than they need to.
  const settle = (at: number | undefined) => void shared.settle(id, at).catch(() => {});
  return {
    admitted: { id, at: now, ...COST.write },
    room: {
      note() {},
      settle(at) {
        held.settle(at);
        settle(at);
      },
      giveBack() {
        held.giveBack();
        settle(undefined);
      },
      // What is sent then is answered before the others take the room back.
      usableUntil: now + HELD_MS / 2,
    },
  };
}
