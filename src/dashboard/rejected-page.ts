import { html } from "hono/html";
import { MAX_REJECTED, type RejectedKind } from "../model/overview.ts";
import { visible } from "../model/visible.ts";
import { type Frame, layout } from "./layout.ts";
import { counted, name, reasonText, time } from "./shown.ts";

/** Requests that started no run, with the reason that their senders were told. */
export function rejectedPage(frame: Frame, rejected: readonly RejectedKind[], now: number) {
  const [latest] = rejected;
  const said = latest ? `Latest rejected: ${visible(latest.reason)}` : "Nothing was rejected";
  const list = latest
    ? html`<ul class="runs refusals">${rejected.map((each) => row(each, now))}</ul>`
    : html`<div class="empty"><p><strong>Nothing was rejected.</strong> Every request became a run.</p></div>`;
  return layout(
    "Rejected",
    "rejected",
    frame,
    html`<h1>Rejected requests</h1>
<p class="lead">They started no run. The latest ${MAX_REJECTED} kinds are kept, each with how often it was sent.
Events that became a run and were <a href="/?status=skipped">skipped</a> or
<a href="/?status=superseded">superseded</a> are among the runs.</p>
<div id="refused" data-live data-said="${said}">
${list}
</div>`,
  );
}

function row({ method, path, status, application, reason, firstAt, lastAt, times }: RejectedKind, now: number) {
  const request = html`<code>${method} ${path}</code>`;
  return html`<li class="run">
<span class="code">${status}</span>
<div class="what"><p class="name">${application === undefined ? request : name(application)}</p>
${application === undefined ? "" : html`<p class="sub">${request}</p>`}
<p class="why">${reasonText(reason, { now })}</p></div>
<div class="took">${times > 1 ? html`${counted(times)} times, first ${time(firstAt, "clock", now)}` : ""}</div>
<div class="age">${time(lastAt, "age", now)}</div>
</li>`;
}
