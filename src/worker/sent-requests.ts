import type { Clock } from "../model/clock.ts";
import type { NoteWrite } from "../model/network.ts";
import type { SentRequest, SentRequests } from "../model/run.ts";
import type { Keeping } from "./kept.ts";

/** Enough to see what a workflow does. One that writes more usually repeats itself. */
const MAX_REQUESTS = 20;
const MAX_PATH_CHARACTERS = 300;
/** The limit for a body. File contents and similar data are longer. */
const MAX_BODY_CHARACTERS = 1000;

/** Notes what an attempt changes at GitHub. It is stored with the attempt, which costs no extra write. */
export function sentRequests(clock: Pick<Clock, "now">, { brief }: Pick<Keeping, "brief">) {
  const requests: SentRequest[] = [];
  let count = 0;

  return {
    /** @param identity of the workflow; undefined for its `github`. */
    noting:
      (identity: string | undefined): NoteWrite =>
      ({ method, path, body }, heldBack = false) => {
        if (++count > MAX_REQUESTS) return () => {};
        const at = requests.push({
          ...{ at: clock.now(), method, path: brief(path, MAX_PATH_CHARACTERS) },
          ...(body !== null && { body: brief(body, MAX_BODY_CHARACTERS) }),
          ...(identity !== undefined && { identity }),
          ...(heldBack && { heldBack }),
        });
        return (status) => {
          requests[at - 1] = { ...(requests[at - 1] as SentRequest), status };
        };
      },
    /** Undefined if there was none: most attempts only look and wait. */
    all: (): SentRequests | undefined => (count === 0 ? undefined : { count, requests: [...requests] }),
  };
}
