import { html } from "hono/html";
import { type Frame, layout } from "./layout.ts";

/** A page that says one thing, such as an error, and where to go from there. */
export function messagePage(frame: Frame, title: string, text: string, link: { href: string; text: string }) {
  return layout(
    title,
    undefined,
    frame,
    html`<div class="message"><h1>${title}</h1><p>${text}</p><p><a class="button" href="${link.href}">${link.text}</a></p></div>`,
  );
}
