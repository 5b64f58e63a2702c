import { ANONYMOUS, type Credential } from "./credential.ts";
import { ALL_WORKFLOWS } from "./run-actions.ts";
import { ROLES, type Role, type Who } from "./who.ts";

/**
 * What a route requires. `self`: shows callers only what concerns them. `call`: starts runs through a trigger. `read`:
 * shows runs of workflows. `read-all`: shows data of the whole service, so a limited grant does not have it. `operate`:
 * acts on runs and workflows. `operate-all`: acts on all workflows, or shows the audit log.
 */
export type Permission = "self" | "call" | "read" | "read-all" | "operate" | "operate-all";

/** A role, and the workflows to which it is limited. Without `workflows`: all. */
export type Grant = { readonly role: Role; readonly workflows?: readonly string[] | undefined };

/** A caller's token, its name in the history (`token argocd`), and its permissions. */
export type CallerToken = { readonly text: string; readonly actor: string; readonly grants: readonly Grant[] };

/** The sender of an accepted request. They may do what any of their grants allows. */
export type Principal = {
  readonly grants: readonly Grant[];
  /**
   * The name in the history and the log: `token argocd`, `oidc repo:acme/shop:ref:refs/heads/main`, `user
   * alice@acme.com`, `github octocat`, `anonymous`.
   */
  readonly actor: string;
  /** The credential that identified them. */
  readonly via: Credential;
  /** The client's address, as far as trusted proxies report it. */
  readonly address: string;
};

/** The parts of a request that may identify its sender. */
export type Presented = {
  /** The header `Authorization`. */
  readonly authorization: string | undefined;
  /** The secret of a session, from its cookie. */
  readonly session: string | undefined;
  /** The client's address, as in `Principal`. */
  readonly address: string;
  /** The address that opened the connection: the client, or the proxy in front. */
  readonly peer: string;
  /** Names and values of all headers, alternating, in the original order. */
  readonly rawHeaders: readonly string[];
};

/** The sender of a request, or why the sender is unknown. */
export type Identified =
  | { readonly status: "known"; readonly principal: Principal }
  /** The request has no valid credential: 401. `reason`: what is wrong, if that can be reported. */
  | { readonly status: "unknown"; readonly credential: Credential; readonly reason?: string | undefined }
  | (TryLater & { readonly credential: Credential });

/** The credential cannot be checked now: the answer, and when to send it again. */
export type TryLater = {
  readonly status: "later";
  readonly http: 429 | 503;
  readonly reason: string;
  readonly retryAfterSeconds: number;
};

/**
 * Identifies the sender of a request. Synchronous if only tokens are checked, so that a caller with a token does not
 * wait.
 */
export type Identify = (presented: Presented) => Identified | Promise<Identified>;

/** How the service identifies callers. */
export type Access = {
  readonly identify: Identify;
  /** Identifies callers of a path whose tokens replace the general ones. */
  readonly identifyWith: (tokens: () => readonly CallerToken[]) => Identify;
  /** Whether anyone may do everything, because no way to identify a caller is set up. */
  readonly isOpen: boolean;
};

/** The sender if anyone may do everything. */
export function anonymous(address: string): Principal {
  return { grants: EVERYTHING, actor: ANONYMOUS, via: "none", address };
}

const EVERYTHING: readonly Grant[] = [{ role: "operator" }];

const GRANTED: Readonly<Record<Role, readonly Permission[]>> = {
  caller: ["self", "call"],
  viewer: ["self", "read", "read-all"],
  operator: ["self", "call", "read", "read-all", "operate", "operate-all"],
};

/** The workflows for which grants have a permission: undefined for all, empty for none. */
export function workflowsFor(grants: readonly Grant[], permission: Permission): readonly string[] | undefined {
  const having = grants.filter(({ role }) => GRANTED[role].includes(permission));
  if (having.some(({ workflows }) => workflows === undefined)) return undefined;
  return permission.endsWith("-all") ? [] : [...new Set(having.flatMap(({ workflows = [] }) => workflows))];
}

/** Limits a filter of runs to the workflows for which grants have a permission. */
export function limitOf(
  grants: readonly Grant[],
  permission: Permission,
): { readonly workflows?: readonly string[] | undefined } {
  const workflows = workflowsFor(grants, permission);
  return workflows === undefined ? {} : { workflows };
}

/** Whether grants have a permission for any workflow, or for this one. */
export function may(grants: readonly Grant[], permission: Permission, workflow?: string): boolean {
  const workflows = workflowsFor(grants, permission);
  if (workflows === undefined) return true;
  return workflow === undefined ? workflows.length > 0 : workflows.includes(workflow);
}

/** Whether someone may read a run: its workflow's runs, or a run that they started. */
export function mayRead(
  { grants, actor }: Principal,
  run: { readonly workflow: string; readonly actor?: string | undefined },
): boolean {
  return may(grants, "read", run.workflow) || run.actor === actor;
}

/** The highest role among grants, for the log and the audit log. */
export function roleOf(grants: readonly Grant[]): Role | undefined {
  return ROLES.findLast((each) => grants.some(({ role }) => role === each));
}

/** How the sender's actions are recorded. */
export function whoIs({ grants, actor, via, address }: Principal): Who {
  return { actor, role: roleOf(grants), via, address };
}

/** The roles that have a permission, for a message. */
export function rolesWith(permission: Permission): readonly Role[] {
  return ROLES.filter((role) => GRANTED[role].includes(permission));
}

/** The same as part of a sentence: `a viewer or an operator`. */
export function rolesInWords(permission: Permission): string {
  const roles = rolesWith(permission).map((role) => inWords({ role }));
  return listed(roles, "or");
}

/**
 * Parses a grant from the settings: `caller`, or limited to workflows, `caller@environment-ready+deploy`.
 * @throws Error that says what was expected.
 */
export function grantOf(text: string): Grant {
  const [role = "", ...limits] = text.split("@");
  if (!isRole(role)) throw new Error(`expected one of the roles ${ROLES.join(", ")}, got "${role}"`);
  if (limits.length === 0) return { role };
  const workflows = limits.join("@").split("+");
  if (!workflows.every((each) => /^[a-z0-9][a-z0-9-]{0,99}$/i.test(each)))
    throw new Error(`expected names of workflows after ${role}@, separated by +`);
  return { role, workflows };
}

function isRole(text: string): text is Role {
  return (ROLES as readonly string[]).includes(text);
}

/** A grant in words: `an operator of deploy and release`, `a caller`. */
function inWords({ role, workflows }: Grant): string {
  const what = `${role === "operator" ? "an" : "a"} ${role}`;
  return workflows === undefined ? what : `${what} of ${listed(workflows, "and")}`;
}

/**
 * Why a known caller may not do something: the caller, what it needs, and who has that. Names no token.
 * @param workflow the workflow concerned; undefined: none in particular, `*`: all workflows.
 */
export function whyForbidden({ actor, grants }: Principal, permission: Permission, workflow?: string): string {
  const suffices = rolesInWords(permission);
  const isLimited = may(
    grants.map(({ role }) => ({ role })),
    permission,
  );
  const what = isLimited
    ? workflow === undefined || workflow === ALL_WORKFLOWS
      ? `concerns all workflows and needs ${suffices} without a limit`
      : `needs ${suffices} of ${workflow}`
    : `needs ${suffices}`;
  const has = grants.length === 0 ? "has no role" : `is ${listed(grants.map(inWords), "and")}`;
  return `${actor} ${has}; this ${what}.`;
}

/** `a, b and c` */
export function listed(items: readonly string[], word: "and" | "or"): string {
  const [last = "", ...others] = items.toReversed();
  return others.length === 0 ? last : `${others.toReversed().join(", ")} ${word} ${last}`;
}
