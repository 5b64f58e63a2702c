import type { AnswerCallback } from "../http/callbacks.ts";
import type { Clock } from "../model/clock.ts";
import { schemaOf } from "../model/json-schema.ts";
import type { Log } from "../model/log.ts";
import type { Json } from "../model/run.ts";
import type { Secrets } from "../model/secrets.ts";
import type { Callback, RunStore } from "../model/store.ts";

type Parts = {
  readonly store: Pick<RunStore, "callback" | "answerCallback">;
  readonly clock: Pick<Clock, "now">;
  readonly secrets: Pick<Secrets, "tokenIn">;
  /** Called when a run is due. */
  readonly due: () => void;
  readonly log: Log;
};

/** The callback URLs of runs, which programs and people answer. */
export function callbacksOf({ store, clock, secrets, due, log }: Parts) {
  const answer: AnswerCallback = async (secret, body, who) => {
    const callback = await store.callback(secret);
    if (!callback) return { status: "unknown" };
    if (callback.state !== "open") return { status: "closed", callback };
    const problems = problemsWith(body, callback);
    if (problems.length > 0) return { status: "invalid", problems };
    const before = await store.answerCallback(secret, body, { ...who, at: clock.now() });
    if (!before) return { status: "unknown" };
    if (before.state !== "open") return { status: "closed", callback: before };
    due();
    log.info(
      { run: before.run, workflow: before.workflow, callback: before.name, actor: who.actor },
      "callback answered",
    );
    return { status: "taken", callback: before };
  };

  /**
   * JSON Schema cannot express every check of a workflow's schema. The workflow does the rest when it reads the answer.
   */
  function problemsWith(body: Json, { schema }: Callback) {
    const read = schemaOf(schema).safeParse(body);
    if (!read.success) return firstOfEach(read.error.issues);
    const place = secrets.tokenIn(body);
    if (place === undefined) return [];
    return [{ path: place.split(".").filter(Boolean), message: "contains a token, but answers are stored" }];
  }

  return { find: store.callback, answer };
}

type Issue = { readonly path: readonly PropertyKey[]; readonly message: string };

/** JSON Schema checks an email address twice: as a format, and as a pattern of a hundred characters. */
function firstOfEach(issues: readonly Issue[]): Issue[] {
  const byPath = new Map(issues.toReversed().map(({ path, message }) => [path.join("."), { path, message }]));
  return [...byPath.values()].toReversed();
}
