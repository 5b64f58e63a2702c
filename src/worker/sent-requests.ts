import type { Clock } from "../model/clock.ts";
import type { NoteWrite } from "../model/network.ts";
import type { SentRequest, SentRequests } from "../model/run.ts";
import type { Keeping } from "./kept.ts";

/** Enough to see what a workflow does; one that writes more does the same again and again. */
const MAX_REQUESTS = 20;
const MAX_PATH_CHARACTERS = 300;
/** Of a body; file contents and the like are longer. */
const MAX_BODY_CHARACTERS = 1000;

/** What an attempt changes at GitHub, noted as it is sent: the attempt is stored with it, which costs no write. */
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
    /** Undefined when there was none: most attempts of workflows that look and wait. */
    all: (): SentRequests | undefined => (count === 0 ? undefined : { count, requests: [...requests] }),
  };
}
