import type { Context, Hono } from "hono";
import { html } from "hono/html";
import {
  AUDIT_ACTIONS,
  AUDIT_OUTCOMES,
  type AuditFilter,
  type AuditRecord,
  problemText,
  type Verification,
} from "../model/audit.ts";
import { visible } from "../model/visible.ts";
import { type Frame, layout } from "./layout.ts";
import { PROTECTED } from "./protected.ts";
import { clipped, fitting } from "./room.ts";
import { counted, name, time } from "./shown.ts";
import type { Site } from "./site.ts";

/** Records on one page. */
const PAGE_RECORDS = 50;

/** A page has up to 60 kB. This much of it is for the records. */
const [RECORDS_BYTES, TEXT_BYTES] = [36_000, 300];

/** Mounts `/audit`: who did what, and what was rejected. */
export function mountAudit(app: Hono, { shown: { audit, scrub }, page, guard }: Site): void {
  const show = page(async (c, frame) => {
    const given = givenIn(c, scrub);
    await audit.flush();
    const [found, verified] = await Promise.all([
      audit.list(filterOf(given), { limit: PAGE_RECORDS, cursor: given.before }),
      c.req.query("verify") === "yes" ? audit.verify() : undefined,
    ]);
    return c.html(auditPage({ ...frame, revision: undefined }, { given, ...found, verified }));
  });
  app.get("/audit", PROTECTED, guard("operate-all"), show);
}

type Given = Readonly<Record<"actor" | "action" | "outcome" | "workflow" | "run", string>> & {
  readonly before: string | undefined;
};

function givenIn(c: Context, scrub: (text: string) => string): Given {
  const text = (key: string) => scrub(c.req.query(key)?.trim() ?? "");
  // Other values would filter the list, but the form could not show them.
  const choice = (key: string, all: readonly string[]) => all.find((each) => each === text(key)) ?? "";
  const before = c.req.query("before");
  return {
    ...{ actor: text("actor"), workflow: text("workflow") },
    ...{ action: choice("action", AUDIT_ACTIONS), outcome: choice("outcome", AUDIT_OUTCOMES) },
    ...{ run: text("run"), before: before !== undefined && /^\d{1,15}$/.test(before) ? before : undefined },
  };
}

function filterOf({ before: _, ...given }: Given): AuditFilter {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== ""));
}

type Facts = {
  readonly given: Given;
  readonly records: readonly AuditRecord[];
  readonly next: string | undefined;
  readonly verified: Verification | undefined;
};

function auditPage(frame: Frame, { given, records, next, verified }: Facts) {
  const { now } = frame;
  const { shown, left } = fitting([...records].reverse(), RECORDS_BYTES, (record) => row(record, now));
  const more = left === 0 ? "" : html`<p class="note after">${counted(left)} more not shown: filter for them.</p>`;
  const isFiltered = given.before !== undefined || Object.keys(filterOf(given)).length > 0;
  const none = isFiltered ? html`No record matches. <a href="/audit">Show all records</a>` : "Nothing is recorded yet.";
  const field = (key: "actor" | "workflow" | "run", label: string) =>
    html`<label class="text"><span class="unseen">${label}</span><input type="search" name="${key}" value="${given[key]}"
 placeholder="${label}" autocomplete="off" spellcheck="false"></label>`;
  const choice = (key: "action" | "outcome", label: string, all: readonly string[]) =>
    html`<label><span class="unseen">${label}</span><select name="${key}"><option value="">${label}: any</option>${all.map(
      (each) => html`<option${given[key] === each ? html` selected` : ""}>${each}</option>`,
    )}</select></label>`;
  return layout(
    "Audit log",
    "events",
    frame,
    html`<h1>Audit log</h1>
<p class="lead">Who did what, and which requests were rejected. The <a href="/">list of runs</a> has the runs that events started.</p>
<form class="search" role="search" action="/audit" aria-label="Audit log">
${field("actor", "Actor")}${field("workflow", "Workflow")}${field("run", "Run")}
${choice("action", "Action", AUDIT_ACTIONS)}${choice("outcome", "Result", AUDIT_OUTCOMES)}
<button>Filter</button> <a href="/audit?verify=yes">Verify the chain</a></form>
${verified ? verification(verified) : ""}
${shown.length === 0 ? html`<p class="note after">${none}</p>` : html`<ul class="runs rejections">${shown.toReversed()}</ul>`}${more}
${paging(given, next)}`,
  );
}

function verification({ checked, anchor, head, problems, notSealed }: Verification) {
  const old =
    notSealed.count === 0
      ? ""
      : ` ${counted(notSealed.count)} records of earlier versions have no hash and were not checked.`;
  const read = `${counted(checked)} records were checked, ${anchor.number + 1} to ${head.number}.${old}`;
  return problems.length === 0
    ? html`<div class="banner" role="status"><p><strong>The chain is complete.</strong> ${read}</p></div>`
    : html`<div class="problems" role="alert"><p><strong>The chain is broken.</strong> ${read}</p>${problems.map(
        (problem) => html`<p>${problemText(problem)}</p>`,
      )}</div>`;
}

function row(record: AuditRecord, now: number) {
  const { at, actor, role, via, address, action, outcome, run, workflow, details, times, link } = record;
  const from = [role, via?.replaceAll("_", " "), address].filter(Boolean).join(", ");
  return html`<li class="run" data-row tabindex="-1">
<span class="code">${link === undefined ? "–" : link.number}</span>
<div class="what"><p class="name">${name(clipped(actor, TEXT_BYTES))}: ${action}${outcome === "rejected" ? " rejected" : ""}</p>
<p class="sub">${visible(from)}</p>
<p class="why">${workflow === undefined ? "" : workflow === "*" ? "all workflows " : html`${name(clipped(workflow, TEXT_BYTES))} `}${
    run === undefined ? "" : html`<a href="/runs/${encodeURIComponent(run)}">${run.slice(0, 8)}</a> `
  }${details === undefined ? "" : visible(clipped(details, TEXT_BYTES))}</p></div>
<div class="took">${times > 1 ? html`${counted(times)} times` : ""}</div>
<div class="age">${time(at, "full", now)}</div>
</li>
`;
}

function paging({ before, ...given }: Given, next: string | undefined) {
  if (before === undefined && next === undefined) return "";
  const kept = Object.entries(given).filter(([, value]) => value !== "");
  const path = (query: Record<string, string>) =>
    `/audit?${new URLSearchParams([...kept, ...Object.entries(query)] as [string, string][])}`;
  return html`<nav class="paging" aria-label="Pages of the list">
${before === undefined ? "" : html`<a href="${path({})}">Newest</a>`}
${next === undefined ? "" : html`<a href="${path({ before: next })}" rel="next">Older</a>`}
</nav>`;
}
