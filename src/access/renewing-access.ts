import type { Access, Identified, Identify } from "../model/access.ts";
import { madeOf } from "../model/renewable.ts";

/**
 * Identifies callers with the current secrets. For an unknown credential it checks whether the secret files changed,
 * and tries again: a caller may have a new token before the service has it.
 * @param find returns the current access, and the same object while nothing changes.
 */
export function renewingAccess(find: () => Access, refresh: () => Promise<void>): Access {
  const renewing =
    (now: () => Identify): Identify =>
    (presented) => {
      const again = (found: Identified) => (isBrought(found) ? refresh().then(() => now()(presented)) : found);
      const found = now()(presented);
      return found instanceof Promise ? found.then(again) : again(found);
    };
  return {
    get isOpen() {
      return find().isOpen;
    },
    identify: renewing(() => find().identify),
    identifyWith(tokens) {
      return renewing(madeOf(tokens, () => find().identifyWith(tokens)));
    },
  };
}

const isBrought = (found: Identified) => found.status === "unknown" && found.credential !== "none";
