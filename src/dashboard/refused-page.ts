import { html } from "hono/html";
import { MAX_REFUSED, type RefusedEvents } from "../model/overview.ts";
import { visible } from "../model/visible.ts";
import { type Frame, layout } from "./layout.ts";
import { name } from "./names.ts";
import { reasonText } from "./reason.ts";
import { time } from "./times.ts";

/** Requests that started no run, with the reason that their senders were told. */
export function refusedPage(frame: Frame, refused: readonly RefusedEvents[], now: number) {
  return layout(
    "Rejected",
    "refused",
    frame,
    html`<h1>Rejected requests</h1>
<p class="lead">They started no run. The latest ${MAX_REFUSED} kinds are kept, each with how often it was sent. Events that became a run and were <a href="/?status=skipped">skipped</a> or <a href="/?status=superseded">superseded</a> are among the runs.</p>
<div id="refused" data-live data-said="${refused[0] ? `Latest rejected: ${visible(refused[0].reason)}` : "Nothing was rejected"}">
${refused.length > 0 ? html`<ul class="runs refusals">${refused.map((each) => row(each, now))}</ul>` : html`<div class="empty"><p><strong>Nothing was rejected.</strong> Every request became a run.</p></div>`}
</div>`,
  );
}

function row({ method, path, status, application, reason, firstAt, lastAt, times }: RefusedEvents, now: number) {
  return html`<li class="run">
<span class="code">${status}</span>
<div class="what"><p class="name">${application === undefined ? html`<code>${method} ${path}</code>` : name(application)}</p>
${application === undefined ? "" : html`<p class="sub"><code>${method} ${path}</code></p>`}
<p class="why">${reasonText(reason, { now })}</p></div>
<div class="took">${times > 1 ? html`${times.toLocaleString("en")} times, first ${time(firstAt, "clock", now)}` : ""}</div>
<div class="age">${time(lastAt, "age", now)}</div>
</li>`;
}
