import { html } from "hono/html";
import { may, type Permission, type Principal, roleOf, workflowsFor } from "../model/access.ts";
import { name } from "./shown.ts";

/** Who reads a page, which shows no button that would be rejected. */
export type Reader = {
  /** Undefined where everyone may do everything, and on pages that ask for no role. */
  readonly principal: Principal | undefined;
  /** Whether the reader has a permission, for any workflow or for this one. */
  readonly may: (permission: Permission, workflow?: string) => boolean;
};

/** On pages that ask for no role. */
export const ANY_READER: Reader = { principal: undefined, may: () => false };

/** @param isOpen whether everyone may do everything: then no name is shown. */
export function readerOf(principal: Principal, isOpen: boolean): Reader {
  const { grants } = principal;
  return {
    principal: isOpen ? undefined : principal,
    may: (permission, workflow) => may(grants, permission, workflow),
  };
}

/** Says of which workflows alone a reader sees runs, where a list has nothing to show. Nothing where there is no limit. */
export function limitNote({ principal }: Reader) {
  const workflows = principal && workflowsFor(principal.grants, "read");
  return workflows === undefined ? "" : html`<p>You may read the runs of ${name(workflows.join(", "))} alone.</p>`;
}

/** Who reads, and as what: in the top bar, and on a phone, which has no room there, at the foot. */
export function whoReads({ principal }: Reader, place: "top" | "foot", hasSession: boolean) {
  if (!principal) return "";
  const { actor, grants } = principal;
  const role = roleOf(grants) ?? "no role";
  const limits = [...new Set(grants.flatMap(({ workflows = [] }) => workflows))];
  const isLimited = grants.every(({ workflows }) => workflows !== undefined);
  const of = isLimited ? ` of ${limits.join(", ")}` : "";
  const who = hasSession ? html`<a href="/session">${name(actor)}</a>` : name(actor);
  if (place === "foot") return html`<span class="who-below">You are ${who} (${role}${of}).</span>`;
  return html`<p class="who" title="${actor}: ${role}${of}"><span>${who}</span> <small class="pill">${role}</small></p>`;
}
