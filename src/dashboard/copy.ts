import { html } from "hono/html";

/** A command or a text to copy: with a button, or without the script by selecting it. */
export function copyBlock(id: string, label: string, text: string) {
  return html`<div class="copy"><pre id="${id}" tabindex="0" role="group" aria-label="${label}"><code>${text}</code></pre>
<button type="button" data-copy="${id}" hidden>Copy</button></div>`;
}
