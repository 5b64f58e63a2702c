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
        "Why it was not carried out",
        html`<p>A newer event for the same group took its place${run.supersededBy ? html`: <a href="/runs/${run.supersededBy}">the run that did</a>` : ""}. Nothing to do: the newer one counts.</p>${told}`,
      );
    case "queued": {
      if (run.reason === undefined) return "";
      const when = run.dueAt === undefined || run.dueAt <= now ? "now" : html`at ${time(run.dueAt, "clock", now)}`;
      const title = run.kind === "limit" ? "Why it waits: a limit of GitHub" : "Why it waits";
      return box("waiting", title, html`${told}<p class="next">It goes on by itself ${when}.</p>`);
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
    return "It came with a token of its own, which is not stored, so it cannot be re-run: send the event again.";
  }
  if (kind === "permanent") return "It is not attempted again by itself. Fix the cause, then re-run it.";
  return "It is no longer attempted by itself. Re-run it when the cause is gone.";
}
