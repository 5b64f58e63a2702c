import { ANONYMOUS, type Credential } from "./credential.ts";
import { ALL_WORKFLOWS } from "./run-actions.ts";
import { ROLES, type Role, type Who } from "./who.ts";

/**
 * What a route asks for. `self`: shows callers what concerns themselves alone. `call`: starts runs through a trigger. `read`:
 * shows runs of workflows. `read-all`: shows what concerns the whole service, so a grant with a limit has it not. `operate`:
 * does something with runs and workflows. `operate-all`: does something with all workflows, or shows the audit log.
 */
export type Permission = "self" | "call" | "read" | "read-all" | "operate" | "operate-all";

/** A role, and to which workflows it is limited; without `workflows` to none. */
export type Grant = { readonly role: Role; readonly workflows?: readonly string[] | undefined };

/** A token that lets a caller in, how the history names who brings it (`token argocd`), and what that one may do. */
export type CallerToken = { readonly text: string; readonly actor: string; readonly grants: readonly Grant[] };

/** Who sends a request that was let in, and what they may do: what any of the grants allows. */
export type Principal = {
  readonly grants: readonly Grant[];
  /** As the history and the log name it: `token argocd`, `oidc repo:acme/shop:ref:refs/heads/main`, `user alice@acme.com`, `github octocat`, `anonymous`. */
  readonly actor: string;
  /** What they brought to be let in. */
  readonly via: Credential;
  /** From where: the address of the client, as far as proxies that are trusted report it. */
  readonly address: string;
};

/** What a request brings that may say who sends it. */
export type Presented = {
  /** The header `Authorization`. */
  readonly authorization: string | undefined;
  /** The secret of a session, out of its cookie. */
  readonly session: string | undefined;
  /** From where, as in `Principal`. */
  readonly address: string;
  /** Who has opened the connection: the client, or the proxy in front. */
  readonly peer: string;
  /** Names and values of all headers in turn, as they came. */
  readonly rawHeaders: readonly string[];
};

/** Who sends a request, or why that is not known. */
export type Identified =
  | { readonly status: "known"; readonly principal: Principal }
  /** It brings nothing, or nothing valid: 401. `reason`: what is wrong with it, where that can be said. */
  | { readonly status: "unknown"; readonly credential: Credential; readonly reason?: string | undefined }
  | (TryLater & { readonly credential: Credential });

/** A credential cannot be checked now: what is answered, and when it may be sent again. */
export type TryLater = {
  readonly status: "later";
  readonly http: 429 | 503;
  readonly reason: string;
  readonly retryAfterSeconds: number;
};

/** Says who sends a request: at once where only tokens are looked at, so that a caller with one waits for nothing more. */
export type Identify = (presented: Presented) => Identified | Promise<Identified>;

/** How the service knows who sends a request. */
export type Access = {
  readonly identify: Identify;
  /** The same of a path that has tokens which count instead. */
  readonly identifyWith: (tokens: () => readonly CallerToken[]) => Identify;
  /** Whether everyone may do everything, since no way to identify a caller is set up. */
  readonly isOpen: boolean;
};

/** Who sends a request where everyone may do everything. */
export function anonymous(address: string): Principal {
  return { grants: EVERYTHING, actor: ANONYMOUS, via: "none", address };
}

const EVERYTHING: readonly Grant[] = [{ role: "operator" }];

const GRANTED: Readonly<Record<Role, readonly Permission[]>> = {
  caller: ["self", "call"],
  viewer: ["self", "read", "read-all"],
  operator: ["self", "call", "read", "read-all", "operate", "operate-all"],
};

/**
 * The workflows for which grants have a permission: undefined for all of them, none where they do not have it at all.
 */
export function workflowsFor(grants: readonly Grant[], permission: Permission): readonly string[] | undefined {
  const having = grants.filter(({ role }) => GRANTED[role].includes(permission));
  if (having.some(({ workflows }) => workflows === undefined)) return undefined;
  return permission.endsWith("-all") ? [] : [...new Set(having.flatMap(({ workflows = [] }) => workflows))];
}

/** What narrows a filter of runs to the workflows for which grants have a permission. */
export function limitOf(
  grants: readonly Grant[],
  permission: Permission,
): { readonly workflows?: readonly string[] | undefined } {
  const workflows = workflowsFor(grants, permission);
  return workflows === undefined ? {} : { workflows };
}

/** Whether grants have a permission, for any workflow or for this one. */
export function may(grants: readonly Grant[], permission: Permission, workflow?: string): boolean {
  const workflows = workflowsFor(grants, permission);
  if (workflows === undefined) return true;
  return workflow === undefined ? workflows.length > 0 : workflows.includes(workflow);
}

/** Whether one may read a run: of its workflow, or since they have started it themselves. */
export function mayRead(
  { grants, actor }: Principal,
  run: { readonly workflow: string; readonly actor?: string | undefined },
): boolean {
  return may(grants, "read", run.workflow) || run.actor === actor;
}

/** The highest role among grants, as the log and the audit log name it. */
export function roleOf(grants: readonly Grant[]): Role | undefined {
  return ROLES.findLast((each) => grants.some(({ role }) => role === each));
}

/** How what one does is recorded. */
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
 * A grant as settings spell it: `caller`, or limited to workflows, `caller@environment-ready+deploy`.
 * @throws Error that says what was expected.
 */
export function grantOf(text: string): Grant {
  const [role = "", ...limits] = text.split("@");
  if (!isRole(role)) throw new Error(`expected one of the roles ${ROLES.join(", ")}, got "${role}"`);
  if (limits.length === 0) return { role };
  const workflows = limits.join("@").split("+");
  if (!workflows.every((each) => /^[a-z0-9][a-z0-9-]{0,99}$/i.test(each)))
    throw new Error(`expected names of workflows behind ${role}@, with + in between`);
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
 * Why a caller who is known may not do something: who it is, what that needs, and who has it. Names no token.
 * @param workflow that it concerns; undefined: none in particular, `*`: all of them.
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

function listed(items: readonly string[], word: "and" | "or"): string {
  const [last = "", ...others] = items.toReversed();
  return others.length === 0 ? last : `${others.toReversed().join(", ")} ${word} ${last}`;
}
