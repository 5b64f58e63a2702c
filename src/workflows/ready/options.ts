import type { NotifyOption, Permissions } from "../../index.ts";
import { isRepositoryName } from "../../model/github-names.ts";
import { nearestName } from "../../model/nearest-name.ts";

/** Describes what a value must be, if it is not that. Undefined if it is. */
export type Check = (value: unknown) => string | undefined;

/** Unsupported options of the replaced action, each with the reason and what to write instead. */
export type Reasons = Readonly<Record<string, string>>;

/** For TypeScript: an unsupported option. The error contains the reason. */
type NotTaken<Reason extends string> = { readonly [NOT_TAKEN]: Reason };
export type NoneOf<Rejected extends Reasons> = { readonly [Name in keyof Rejected]?: NotTaken<Rejected[Name]> };
declare const NOT_TAKEN: unique symbol;

/** The options of every ready-made workflow, in addition to those of the action. */
export type CommonOptions = {
  /** Must be unique in a service: two workflows of one kind need two names. */
  readonly name?: string;
  /** Name of the environment variable with the GitHub token to use instead of the service's. */
  readonly githubToken?: string;
  /** Name of the GitHub App to use. Its variables begin with that name, as in `NAME_ID`. */
  readonly githubApp?: string;
  /** What the App's tokens may do in this workflow. */
  readonly permissions?: Permissions;
  /** Who receives its notices instead of `NOTIFY_URL`, as in any workflow's `notify`. */
  readonly notify?: NotifyOption;
};

const COMMON: Readonly<Record<keyof CommonOptions, Check>> = {
  name: text,
  githubToken: text,
  githubApp: text,
  permissions: (value) =>
    typeof value === "object" && value !== null ? undefined : 'permissions, such as { issues: "write" }',
  // Its contents are checked when the file is loaded.
  notify: (value) =>
    value === false || typeof value === "string" || (typeof value === "object" && value !== null)
      ? undefined
      : 'the name of a variable with the address of a webhook, such as "SLACK_DEPLOYS", or false',
};

/**
 * Checks the options of a ready-made workflow when it is defined.
 * @throws Error that names everything that is wrong, and what to write.
 */
export function checkOptions<Options extends object, Rejected extends Reasons = Reasons>(
  workflow: string,
  given: Options,
  known: Readonly<Record<Exclude<keyof Options, keyof CommonOptions | keyof Rejected>, Check>>,
  rejected: Rejected,
): void {
  const checks: Readonly<Record<string, Check>> = { ...COMMON, ...known };
  const problems = Object.entries(given).flatMap(([name, value]) => {
    const check = Object.hasOwn(checks, name) ? checks[name] : undefined;
    if (check === undefined) return [`${name} ${unknown(name, checks, rejected)}`];
    const expected = value === undefined ? undefined : check(value);
    return expected === undefined
      ? []
      : [`${name} must be ${expected}${isQuoted(value) ? ", without quotation marks" : ""}`];
  });
  if (problems.length === 0) return;
  const list = problems.some((each) => each.endsWith(NOT_KNOWN))
    ? [`use one of ${Object.keys(checks).join(", ")}`]
    : [];
  throw new Error(`${workflow}(): ${[...problems, ...list].join("; ")}`);
}

const NOT_KNOWN = "is not known";

/** A number or a boolean in quotes, as an action's file may have it. */
function isQuoted(value: unknown): boolean {
  return typeof value === "string" && /^\s*(-?\d+(\.\d+)?|true|false)\s*$/i.test(value);
}

/** Also recognises names as the action's file writes them: `sync-labels`. */
function unknown(name: string, known: object, rejected: Reasons): string {
  const plain = name.replace(/[-_](\w)/g, (_, letter: string) => letter.toUpperCase());
  if (Object.hasOwn(rejected, plain)) return `is not supported: ${rejected[plain]}`;
  const names = [...Object.keys(known), ...Object.keys(rejected)];
  const near = nearestName(plain, names) ?? ofTheSameWords(plain, names);
  if (near === undefined) return NOT_KNOWN;
  return Object.hasOwn(rejected, near)
    ? `is not known; ${near} is not supported: ${rejected[near]}`
    : `is not known: did you mean ${near}?`;
}

/**
 * Earlier versions of an action used other words or another order: issueLockInactiveDays, issueExcludeCreatedBefore.
 */
function ofTheSameWords(name: string, known: readonly string[]): string | undefined {
  const its = wordsOf(name);
  const [best] = known
    .map((each) => ({ each, alike: its.intersection(wordsOf(each)).size / its.union(wordsOf(each)).size }))
    .filter(({ alike }) => alike >= ALIKE)
    .sort((a, b) => b.alike - a.alike);
  return best?.each;
}

/** Three words of four. */
const ALIKE = 0.75;

const wordsOf = (name: string) => new Set(name.split(/(?=[A-Z])/).map((word) => word.toLowerCase()));

/** The options that every workflow of the service has, ready to spread into its definition. */
export function commonOf(
  workflow: string,
  { name = workflow, githubToken, githubApp, permissions, notify }: CommonOptions,
) {
  return {
    name,
    ...(githubToken === undefined ? {} : { githubToken }),
    ...(githubApp === undefined ? {} : { githubApp }),
    ...(permissions === undefined ? {} : { permissions }),
    ...(notify === undefined ? {} : { notify }),
  };
}

export function text(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? undefined : "text";
}

/** Also an empty text: `""`. */
export function anyText(value: unknown): string | undefined {
  return typeof value === "string" ? undefined : "text";
}

/** As JavaScript reads a date. `""` is no date. */
export function aDate(value: unknown): string | undefined {
  const isDate = typeof value === "string" && (value === "" || Number.isFinite(Date.parse(value)));
  return isDate ? undefined : 'a date, such as "2026-04-18T00:00:00Z"';
}

export function aRepository(value: unknown): string | undefined {
  return isRepositoryName(value) ? undefined : 'a repository, such as "acme/shop"';
}

export function yesOrNo(value: unknown): string | undefined {
  return typeof value === "boolean" ? undefined : "true or false";
}

export function aFunction(value: unknown): string | undefined {
  return typeof value === "function" ? undefined : "a function";
}

export function texts(value: unknown): string | undefined {
  const isList = Array.isArray(value) && value.every((each) => typeof each === "string" && each !== "");
  return isList ? undefined : 'a list of texts, such as ["one", "two"]';
}

/** One of these words. */
export function oneOf(words: readonly string[]): Check {
  return (value) => (words.includes(value as string) ? undefined : `one of ${words.join(", ")}`);
}

/** A list of these words. */
export function someOf(words: readonly string[]): Check {
  return (value) => {
    const isList = Array.isArray(value) && value.every((each) => words.includes(each as string));
    return isList ? undefined : `a list of ${words.join(", ")}`;
  };
}
