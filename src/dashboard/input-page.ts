import { html } from "hono/html";
import { schemaForm, type Tried } from "./form.ts";
import { type Frame, type Html, layout } from "./layout.ts";
import type { Field } from "./schema-fields.ts";

type InputFacts = {
  /** The parent page. */
  readonly back: { readonly href: string; readonly text: string | Html };
  readonly title: string;
  /** What the form does. */
  readonly lead: string;
  readonly action: string;
  readonly submit: string;
  readonly fields: readonly Field[];
  readonly tried?: Tried;
};

/** A page with a form for the input of a run. */
export function inputPage(frame: Frame, { back, title, lead, action, submit, fields, tried }: InputFacts) {
  const where = back.href.startsWith("/runs") ? (["/", "Runs"] as const) : (["/workflows", "Workflows"] as const);
  return layout(
    title,
    back.href.startsWith("/runs") ? "runs" : "workflows",
    frame,
    html`<nav class="crumbs" aria-label="Breadcrumb"><a href="${where[0]}">${where[1]}</a> <span aria-hidden="true">/</span>
<a href="${back.href}">${back.text}</a> <span aria-hidden="true">/</span> <span aria-current="page">${title}</span></nav>
<h1>${title}</h1>
<p class="lead">${lead}</p>
${schemaForm({ action, fields, tried, submit, cancel: back.href })}`,
  );
}
