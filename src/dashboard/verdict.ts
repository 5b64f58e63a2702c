import { html } from "hono/html";
import type { Run } from "../model/run.ts";
import { headedReason } from "./reason.ts";
import { time } from "./times.ts";

/** What happened, in the run's own words, and what a person has to do about it. Nothing for a success. */
export function verdict(run: Run, now: number) {
  const waits = run.status === "queued";
  const told = run.reason === undefined ? "" : html`<p class="reason">${headedReason(run.reason, { waits, now })}</p>`;
  switch (run.status) {
    case "failure":
      return box("failure", "Why it failed", html`${told}<p class="next">${remedyOf(run)}</p>`);
    case "skipped":
      return box("skipped", "Why it was skipped", told);
    case "superseded":
      return box(
        "skipped",
        "Why it did not run",
        html`<p>A newer event of the same group replaced it${run.supersededBy ? html`: <a href="/runs/${run.supersededBy}">that run</a>` : ""}. You need to do nothing.</p>${told}`,
      );
    case "queued": {
      if (run.reason === undefined) return "";
      const when = run.dueAt === undefined || run.dueAt <= now ? "now" : html`at ${time(run.dueAt, "clock", now)}`;
      const title = run.kind === "limit" ? "Why it waits: a limit of GitHub" : "Why it waits";
      return box(
        "waiting",
        title,
        html`${told}<p class="next">${run.kind === "limit" ? "It continues" : "Next retry"} ${when}.</p>`,
      );
    }
    default:
      return "";
  }
}

function box(kind: string, title: string, text: unknown) {
  return html`<section class="verdict ${kind}" aria-labelledby="why"><h2 id="why">${title}</h2>${text}</section>`;
}

function remedyOf({ kind, ownToken }: Run): string {
  if (ownToken) {
    return "The event brought a token, which is not stored, so you cannot re-run it. Send the event again.";
  }
  if (kind === "permanent") return "It is not retried. Fix this, then re-run it.";
  return "It is no longer retried. Re-run it when the cause is gone.";
}
