import { html } from "hono/html";
import { may, type Permission, type Principal, roleOf, workflowsFor } from "../model/access.ts";
import { name } from "./shown.ts";

/** The reader of a page. A page hides buttons that the reader may not use. */
export type Reader = {
  /** Undefined if everyone may do everything, and on pages that need no role. */
  readonly principal: Principal | undefined;
  /** Whether the reader has a permission, for any workflow or for this one. */
  readonly may: (permission: Permission, workflow?: string) => boolean;
};

/** The reader of pages that need no role. */
export const ANY_READER: Reader = { principal: undefined, may: () => false };

/** @param isOpen whether everyone may do everything. Then no name is shown. */
export function readerOf(principal: Principal, isOpen: boolean): Reader {
  const { grants } = principal;
  return {
    principal: isOpen ? undefined : principal,
    may: (permission, workflow) => may(grants, permission, workflow),
  };
}

/** For an empty list: names the workflows whose runs the reader may see. Empty if the reader may see all. */
export function limitNote({ principal }: Reader) {
  const workflows = principal && workflowsFor(principal.grants, "read");
  return workflows === undefined ? "" : html`<p>You can only see runs of ${name(workflows.join(", "))}.</p>`;
}

/** The reader's name and role: in the top bar, or at the foot of the page on a phone. */
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
