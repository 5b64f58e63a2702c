import type { Context, Hono } from "hono";
import { html } from "hono/html";
import type { Json } from "../model/run.ts";
import { type Callback, StoreUnavailable } from "../model/store.ts";
import type { Who } from "../model/who.ts";
import { schemaForm, type Tried } from "./form.ts";
import { type Frame, layout, messagePage } from "./layout.ts";
import { openTo } from "./protected.ts";
import { fieldsOf } from "./schema-fields.ts";
import { sentValue } from "./sent-form.ts";
import { name, nameText, time } from "./shown.ts";

/** A problem of an answer, as its schema reports it. */
type At = { readonly path: readonly PropertyKey[]; readonly message: string };

/** The callbacks that runs wait for. */
export type Callbacks = {
  /** The callback of a URL. Undefined if there is none. */
  find(secret: string): Promise<Callback | undefined>;
  /** Answers a callback once. A callback that was already answered, or whose wait is over, does not change. */
  answer(
    secret: string,
    body: Json,
    who: Who,
  ): Promise<
    | { readonly status: "taken" | "closed" | "unknown" }
    | { readonly status: "invalid"; readonly problems: readonly At[] }
  >;
};

type Parts = {
  readonly callbacks: Callbacks;
  /** The frame of a page at this moment. */
  readonly frame: () => Frame;
  /** Who answers: the person, if they are signed in. */
  readonly whoOf: (c: Context) => Promise<Who>;
  readonly scrub: (text: string) => string;
  readonly failed: (path: string, error: unknown) => void;
};

/** Mounts the page of a callback: a form for the person who got the URL. They need nothing but the URL. */
export function mountCallbackPages(app: Hono, { callbacks, frame: frameNow, whoOf, scrub, failed }: Parts): void {
  const page =
    (render: (c: Context, frame: Frame, secret: string, callback: Callback) => Promise<Response> | Response) =>
    async (c: Context): Promise<Response> => {
      const frame = frameNow();
      const secret = c.req.param("secret") ?? "";
      try {
        const callback = await callbacks.find(secret);
        if (callback) return await render(c, frame, secret, callback);
        c.set("hidden", true);
        return c.html(messagePage(frame, "No such page", "This link is wrong or too old. Ask for a new one."), 404);
      } catch (error) {
        if (error instanceof StoreUnavailable) {
          c.header("retry-after", "5");
          return c.html(messagePage(frame, "Try again soon", "Your answer was not stored. Send it again."), 503);
        }
        // Anyone who knows the URL can answer, so the URL is not logged.
        failed("/callbacks/…", error);
        return c.html(messagePage(frame, "Something went wrong", "Your answer was not stored. Send it again."), 500);
      }
    };

  app.get(
    "/callbacks/:secret",
    openTo("the secret in the URL"),
    page((c, frame, secret, callback) => c.html(callbackPage(frame, { secret, callback }))),
  );

  app.post(
    "/callbacks/:secret/form",
    openTo("the secret in the URL"),
    page(async (c, frame, secret, callback) => {
      if (callback.state === "open") {
        const { value, ...tried } = await sentValue(c, fieldsOf(callback.schema, WHOLE), scrub);
        const again = (problems: Tried["problems"]) =>
          c.html(callbackPage(frame, { secret, callback, tried: { ...tried, problems } }), 422);
        if (tried.problems.length > 0) return again(tried.problems);
        const answered = await callbacks.answer(secret, value, await whoOf(c));
        if (answered.status === "invalid") {
          return again(answered.problems.map(({ path, message }) => ({ field: path.join("."), message })));
        }
      }
      return c.redirect(`/callbacks/${encodeURIComponent(secret)}`, 303);
    }),
  );
}

const WHOLE = "Answer";

type CallbackFacts = { secret: string; callback: Callback; tried?: Tried };

function callbackPage(frame: Frame, { secret, callback, tried }: CallbackFacts) {
  const title = nameText(callback.name);
  if (callback.state === "over") {
    return messagePage(frame, title, "The run no longer waits for this answer. You do not need to do anything.");
  }
  if (callback.state === "answered") {
    const at = callback.answeredAt === undefined ? "" : html` ${time(callback.answeredAt, "full", frame.now)}`;
    return messagePage(frame, title, html`Answered${at}. The run continues. You do not need to do anything else.`);
  }
  return layout(
    title,
    undefined,
    frame,
    html`<div class="message form"><h1>${name(callback.name)}</h1>
<p class="note">A run of the workflow ${name(callback.workflow)} waits for your answer. You can answer once.</p>
${schemaForm({
  action: `/callbacks/${encodeURIComponent(secret)}/form`,
  fields: fieldsOf(callback.schema, WHOLE),
  tried,
  submit: "Send the answer",
})}</div>`,
  );
}
