import type { Access, Identified, Identify } from "../model/access.ts";
import { madeOf } from "../model/renewable.ts";

/**
 * Who sends a request, by what counts now. One who brings what is not known is looked at again, once it was looked whether the
 * secrets have changed: a caller may have its new token before the service has.
 * @param find what counts now; the same as long as it is the same.
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
