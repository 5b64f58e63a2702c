import { html, raw } from "hono/html";
import type { SentRequest, SentRequests } from "../model/run.ts";
import { visible, visibleName } from "../model/visible.ts";
import { clipped, fitting } from "./room.ts";
import { cut, name, plural, time } from "./shown.ts";

const MAX_PATH_CHARACTERS = 200;
const MAX_BODY_BYTES = 700;

/** Up to this many are shown unfolded. */
const SHORT_WRITES = 3;

/** The writes that an attempt sent or tried to send to GitHub, or that a dry run held back. */
export function sentView(
  attempt: number,
  sent: SentRequests | undefined,
  { bytes, now }: { bytes: number; now: number },
) {
  if (sent === undefined) return "";
  const { shown } = fitting(sent.requests, bytes, (request) => entry(request, now));
  const left = sent.count - shown.length;
  const more =
    left === 0
      ? ""
      : html`<p class="note">And ${left} more. The API returns the first ${sent.requests.length} writes.</p>`;
  const isOpen = sent.count <= SHORT_WRITES ? raw(" open") : "";
  return html`<details class="sent" id="sent-${attempt}"${isOpen}><summary>Sent to GitHub <span class="note">${sent.count}
${plural(sent.count, "write", "writes")}</span></summary><ul class="plain">${shown}</ul>${more}</details>`;
}

function entry({ at, method, path, status, body, identity, heldBack }: SentRequest, now: number) {
  const isBad = !heldBack && (status === undefined || status >= 400);
  const answer = heldBack ? "not sent: dry run" : status === undefined ? "no answer" : String(status);
  const as = identity === undefined ? "" : html` as ${name(identity)}`;
  const text =
    body === undefined ? "" : html`<pre tabindex="0"><code>${clipped(visible(body), MAX_BODY_BYTES)}</code></pre>`;
  return html`<li>${time(at, "second", now)} <code>${method} ${visibleName(cut(path, MAX_PATH_CHARACTERS))}</code>
<strong class="${isBad ? "bad" : "good"}">${answer}</strong>${as}${text}</li>`;
}
