import { html, raw } from "hono/html";
import { visible } from "../model/visible.ts";
import type { Html } from "./layout.ts";
import { type Entered, type Field, fieldText, formName, type Problem } from "./schema-fields.ts";

/** The submitted values and their problems. */
export type Tried = { readonly entered: Entered; readonly problems: readonly Problem[] };

type FormFacts = {
  readonly action: string;
  readonly fields: readonly Field[];
  /** The values to show first. Without it, the defaults. */
  readonly tried?: Tried | undefined;
  /** The text of the button. */
  readonly submit: string;
  /** The address of the link that leaves the form. */
  readonly cancel?: string | undefined;
};

/** A form with these fields. Each problem is shown at its field. */
export function schemaForm({ action, fields, tried, submit, cancel }: FormFacts): Html {
  const problems = tried?.problems ?? [];
  const at = (field: Field) => problems.filter((problem) => placeIn(field, problem) !== undefined);
  const elsewhere = problems.filter((problem) => !fields.some((field) => at(field).includes(problem)));
  const firstWrong = fields.find((field) => at(field).length > 0);
  const parts = fields.map((field, index) =>
    fieldPart(field, {
      id: `field-${index}`,
      text: tried?.entered(formName(field)) ?? (tried ? "" : fieldText(field.control, field.byDefault)),
      problems: at(field).map((problem) => messageOf(problem, field)),
      isFirst: firstWrong === undefined ? index === 0 : field === firstWrong,
    }),
  );
  const other = elsewhere.map((problem) => html`<li>${visible(messageOf(problem))}</li>`);
  return html`<form class="fields" method="post" action="${action}">
${problems.length > 0 ? html`<p class="error" role="alert">Nothing was sent. Correct the marked fields, then send the form again.</p>` : ""}
${elsewhere.length > 0 ? html`<ul class="error">${other}</ul>` : ""}
${parts}
<p class="buttons"><button class="primary">${submit}</button>
${cancel === undefined ? "" : html`<a class="button" href="${cancel}">Back</a>`}</p>
</form>`;
}

/** The place of a problem within a field. Undefined if it is not in this field. */
function placeIn({ name }: Field, { field }: Problem): string | undefined {
  if (name === undefined || field === name) return name === undefined ? field : "";
  return field.startsWith(`${name}.`) ? field.slice(name.length + 1) : undefined;
}

/** A schema's message may be only "Invalid input". So the place comes first. */
function messageOf(problem: Problem, field?: Field): string {
  const place = field ? placeIn(field, problem) : problem.field;
  return place ? `${place}: ${problem.message}` : problem.message;
}

type Shown = {
  readonly id: string;
  readonly text: string;
  readonly problems: readonly string[];
  /** It has the focus when the page opens. */
  readonly isFirst: boolean;
};

function fieldPart(field: Field, shown: Shown) {
  const { label, description, isRequired, control } = field;
  const { id, problems } = shown;
  const hint = control.kind === "text" ? control.hint : control.kind === "json" ? "JSON." : undefined;
  const about = [description, hint].filter((text) => text !== undefined).join(" ");
  const described = [about && `${id}-about`, problems.length > 0 && `${id}-wrong`].filter(Boolean).join(" ");
  const attributes = html`id="${id}" name="${formName(field)}"${shown.isFirst ? raw(" autofocus") : ""}${
    described ? html` aria-describedby="${described}"` : ""
  }${problems.length > 0 ? raw(' aria-invalid="true"') : ""}`;
  const name = html`<label for="${id}">${visible(label)}${isRequired ? html` <small>required</small>` : ""}</label>`;
  const words = about ? html`<p class="note" id="${id}-about">${visible(about)}</p>` : "";
  const wrong = problems.length > 0 ? html`<p class="error" id="${id}-wrong">${visible(problems.join("; "))}</p>` : "";
  if (control.kind === "boolean") {
    const checked = raw(shown.text === "true" ? " checked" : "");
    return html`<div class="field check"><input type="checkbox" value="true" ${attributes}${checked}>
${name}${words}${wrong}</div>`;
  }
  return html`<div class="field">${name}${words}${input(field, attributes, shown.text)}${wrong}</div>`;
}

function input({ control, isRequired }: Field, attributes: Html, text: string): Html {
  const required = raw(isRequired ? " required" : "");
  switch (control.kind) {
    case "choice": {
      const options = control.choices.map((choice) => {
        const value = fieldText(control, choice);
        return html`<option value="${value}"${raw(value === text ? " selected" : "")}>${visible(value)}</option>`;
      });
      // Without an empty choice, the first choice would be selected.
      const none = isRequired && text !== "" ? "" : html`<option value="">–</option>`;
      return html`<select ${attributes}${required}>${none}${options}</select>`;
    }
    case "number": {
      const { isInteger, min, max } = control;
      const limits = html`${min === undefined ? "" : html` min="${min}"`}${max === undefined ? "" : html` max="${max}"`}`;
      return html`<input type="number" step="${isInteger ? "1" : "any"}" ${attributes}${limits}${required} value="${text}">`;
    }
    case "json":
      // HTML ignores the line feed after the tag.
      return html`<textarea rows="${Math.min(20, Math.max(3, text.split("\n").length + 1))}" spellcheck="false" ${attributes}${required}>
${text}</textarea>`;
    case "text":
      return html`<input type="${control.type}" ${attributes}${required} value="${text}" spellcheck="false">`;
    default:
      return html``;
  }
}
