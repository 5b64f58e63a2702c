import * as z from "zod";
import type { Clock } from "../model/clock.ts";
import type { Json } from "../model/run.ts";
import type { Callback, RunStore } from "../model/store.ts";

type Answered =
  /** `closed`: it was answered before, it is over, or there is none. */
  | { readonly status: "taken" | "closed" }
  | {
      readonly status: "invalid";
      readonly problems: readonly { readonly path: readonly PropertyKey[]; readonly message: string }[];
    };

/** The URLs that runs hand out, as programs and people answer them. */
export function callbacksOf(store: Pick<RunStore, "callback" | "answerCallback">, clock: Pick<Clock, "now">) {
  return {
    find: store.callback,
    /** Answers one, once, with a body that its schema takes. */
    async answer(secret: string, body: Json, actor: string): Promise<Answered> {
      const callback = await store.callback(secret);
      if (callback?.state !== "open") return { status: "closed" };
      const problems = problemsWith(body, callback);
      if (problems.length > 0) return { status: "invalid", problems };
      const before = await store.answerCallback(secret, body, { actor, at: clock.now() });
      return { status: before?.state === "open" ? "taken" : "closed" };
    },
  };
}

function problemsWith(body: Json, { schema }: Callback) {
  if (schema === undefined) return [];
  const read = schemaFrom(schema).safeParse(body);
  return read.success ? [] : read.error.issues.map(({ path, message }) => ({ path, message }));
}

/** What JSON Schema says and zod does not know is left to the workflow, which checks what it gets with its own schema. */
function schemaFrom(schema: Json): z.ZodType {
  try {
    return z.fromJSONSchema(schema as Parameters<typeof z.fromJSONSchema>[0]);
  } catch {
    return z.unknown();
  }
}
