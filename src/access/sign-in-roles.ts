import { type Grant, grantOf } from "../model/access.ts";
import type { Person } from "../model/person.ts";
import { fits } from "./fits.ts";

/** One entry of SIGN_IN_ROLES: the people, and their role. */
export type SignInRole = { readonly for: Rule; readonly grant: Grant };

type Rule =
  | { readonly kind: "everyone" }
  | { readonly kind: "user" | "email" | "group"; readonly pattern: string }
  /** In lower case: an organisation, `acme`, a team, `acme/platform`, or a person, `@octocat`. */
  | { readonly kind: "github"; readonly name: string };

/**
 * The roles of a person: of all entries that match, or none. Anyone can create an account at github.com with any free
 * name. So only `github:` entries match people from GitHub.
 */
export function grantsOfPerson(roles: readonly SignInRole[], person: Person): readonly Grant[] {
  return roles.filter((role) => matches(role.for, person)).map(({ grant }) => grant);
}

function matches(rule: Rule, person: Person): boolean {
  if (person.from === "github") {
    if (rule.kind !== "github") return false;
    return rule.name === `@${person.name.toLowerCase()}` || person.memberships.includes(rule.name);
  }
  switch (rule.kind) {
    case "everyone":
      return true;
    case "user":
      return [person.name, person.subject].some((name) => name !== undefined && fits(rule.pattern, name));
    case "email":
      return person.email !== undefined && fits(rule.pattern.toLowerCase(), person.email.toLowerCase());
    case "group":
      return person.groups.some((group) => fits(rule.pattern, group));
    case "github":
      return false;
  }
}

/** The GitHub organisations and teams in the entries. gh-runner asks about no others. */
export function gitHubNamesIn(roles: readonly SignInRole[]): readonly string[] {
  const names = roles.flatMap((role) => (role.for.kind === "github" ? [role.for.name] : []));
  return [...new Set(names)].filter((name) => !name.startsWith("@"));
}

/**
 * Parses SIGN_IN_ROLES: `group:platform=operator,email:*@acme.com=viewer,github:acme/platform=operator,*=viewer`. If it
 * has a line break, each line is an entry, so that names may have commas.
 * @throws Error that names the entry and says what was expected.
 */
export function signInRoles(text: string): readonly SignInRole[] {
  const entries = text.split(text.includes("\n") ? "\n" : ",").map((each) => each.trim());
  return entries.filter(Boolean).map((entry) => {
    const at = entry.lastIndexOf("=");
    if (at < 1) throw new Error(`expected ${EXAMPLE}, got "${entry}"`);
    try {
      return { for: ruleOf(entry.slice(0, at).trim()), grant: grantOf(entry.slice(at + 1).trim()) };
    } catch (cause) {
      throw new Error(`${(cause as Error).message}, in "${entry}"`, { cause });
    }
  });
}

const EXAMPLE = "entries such as group:platform=operator or *=viewer";

function ruleOf(text: string): Rule {
  if (text === "*") return { kind: "everyone" };
  const [, kind, value = ""] = /^(user|email|group|github):(.+)$/.exec(text) ?? [];
  if (kind === undefined)
    throw new Error(
      "expected user:NAME, email:ADDRESS, group:NAME, github:ORGANISATION, github:ORGANISATION/TEAM, or *",
    );
  if (kind !== "github") return { kind: kind as "user" | "email" | "group", pattern: value };
  if (!/^(@[\w-]+|[\w-]+(\/[\w.-]+)?)$/.test(value))
    throw new Error("expected github:ORGANISATION, github:ORGANISATION/TEAM or github:@LOGIN, without *");
  return { kind, name: value.toLowerCase() };
}
