import { html } from "hono/html";
import type { Json } from "../model/run.ts";
import { visible } from "../model/visible.ts";

/** Enough to recognise what came in and went out. */
const MAX_JSON_CHARACTERS = 6000;

/** Indented, what is nested deeper takes many times its own room, and ten thousand levels cannot be indented at all. */
const MAX_JSON_LEVELS = 50;

/** A value of a run, indented. */
export function json(title: string, value: Json, id: string) {
  const heading = title.toLowerCase();
  const section = (content: unknown) =>
    html`<section aria-labelledby="${heading}"><h2 id="${heading}">${title}</h2>\n${content}</section>`;
  if (isDeep(value)) {
    return section(html`<p class="note">Nested too deep to be shown here, more than ${MAX_JSON_LEVELS} levels;
GET /api/runs/${id} has it.</p>`);
  }
  const text = JSON.stringify(value, null, 2);
  const shown = visible(text.slice(0, MAX_JSON_CHARACTERS));
  const note = html`<p class="note">Cut off here; GET /api/runs/${id} has all of it.</p>`;
  return section(html`<pre tabindex="0" aria-labelledby="${heading}"><code>${shown}</code></pre>
${text.length > MAX_JSON_CHARACTERS ? note : ""}`);
}

/** Not by recursion: what others send may be nested without end. */
function isDeep(value: Json): boolean {
  let level: readonly Json[] = [value];
  for (let depth = 0; depth <= MAX_JSON_LEVELS && level.length > 0; depth++) {
    level = level.flatMap((each) => (typeof each === "object" && each !== null ? Object.values(each) : []));
  }
  return level.length > 0;
}
