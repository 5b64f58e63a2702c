import type { Context, Hono } from "hono";
import { problemsIn } from "../model/problems.ts";
import { withAccess } from "../model/route-access.ts";
import type { Json } from "../model/run.ts";
import type { Callback } from "../model/store.ts";
import type { Who } from "../model/who.ts";
import { addressOf } from "./authorize.ts";
import { jsonValue, readBytes } from "./body.ts";
import { Rejection } from "./problem.ts";

/** Answers a callback once, with a body that matches its schema. Anyone with the URL may answer. */
export type AnswerCallback = (secret: string, body: Json, who: Who) => Promise<CallbackAnswer>;

type CallbackAnswer =
  | { readonly status: "taken"; readonly callback: Callback }
  /** It was already answered, or its wait is over. */
  | { readonly status: "closed"; readonly callback: Callback }
  | { readonly status: "unknown" }
  | { readonly status: "invalid"; readonly problems: Parameters<typeof problemsIn>[0]["issues"] };

/** The actor: anyone with the URL may answer. */
const ANY_BEARER = "callback";

/** Mounts `POST /callbacks/{secret}` for programs. The dashboard mounts the page for people. */
export function mountCallbacks(app: Hono, answer: AnswerCallback): void {
  const handle = async (c: Context) => {
    const bytes = await readBytes(c);
    const body = bytes.byteLength === 0 ? {} : jsonValue(bytes, '{"approved":true}');
    const answered = await answer(c.req.param("secret") ?? "", body as Json, {
      actor: ANY_BEARER,
      address: addressOf(c),
    });
    if (answered.status === "taken") return c.json({ status: "answered", run: answered.callback.run }, 202);
    if (answered.status === "unknown") c.set("hidden", true);
    if (answered.status === "unknown") throw new Rejection(404, "There is no such callback: check the URL.");
    if (answered.status === "invalid") {
      const problems = problemsIn({ issues: answered.problems }, { whole: "The body" });
      throw new Rejection(400, `${problems.join("; ")}.`, {}, { problems });
    }
    const { state, answeredAt } = answered.callback;
    if (state !== "answered") throw new Rejection(410, "The run no longer waits for this callback.");
    const when = answeredAt === undefined ? "" : ` at ${new Date(answeredAt).toISOString()}`;
    throw new Rejection(409, `This callback was already answered${when}. It can be answered only once.`);
  };
  app.post("/callbacks/:secret", withAccess({ open: "the secret in the URL" }, handle));
}

/** A path for logs. It hides the secret: anyone with a callback's URL can answer it. */
export function withoutSecret(path: string): string {
  return path.replace(/(\/callbacks\/)[^/]+/, "$1…");
}
