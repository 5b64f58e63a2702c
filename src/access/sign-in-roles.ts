import { type Grant, grantOf } from "../model/access.ts";
import type { Person } from "../model/person.ts";
import { fits } from "./fits.ts";

/** One entry of SIGN_IN_ROLES: whom it is for, and what they may do. */
export type SignInRole = { readonly for: Rule; readonly grant: Grant };

type Rule =
  | { readonly kind: "everyone" }
  | { readonly kind: "user" | "email" | "group"; readonly pattern: string }
  /** An organisation, `acme`, a team, `acme/platform`, or a person, `@octocat`, in lower case. */
  | { readonly kind: "github"; readonly name: string };

/**
 * What a person may do: all entries that match count together; none when no entry does.
 * Everyone can have an account at github.com, under any name that is free. So people of GitHub are matched by `github:` alone.
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

/** The organisations and teams of GitHub that entries name: nothing else is asked about a person. */
export function gitHubNamesIn(roles: readonly SignInRole[]): readonly string[] {
  const names = roles.flatMap((role) => (role.for.kind === "github" ? [role.for.name] : []));
  return [...new Set(names)].filter((name) => !name.startsWith("@"));
}

/**
 * SIGN_IN_ROLES: `group:platform=operator,email:*@acme.com=viewer,github:acme/platform=operator,*=viewer`. With a line break in
 * it, each line is an entry, so that a name may have commas.
 * @throws Error that says what was expected of which entry.
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
