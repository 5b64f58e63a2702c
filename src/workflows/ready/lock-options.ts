import { type Names, names, namesIn } from "./lists.ts";
import { aDate, anyText, type Check, checkOptions, oneOf, someOf, yesOrNo } from "./options.ts";
import { SCHEDULED, type ScheduledOptions } from "./scheduled.ts";

const KINDS = ["issue", "pr", "discussion"] as const;

export type Kind = (typeof KINDS)[number];

type Named = Capitalize<Kind>;

/** The options of dessant/lock-threads, in camelCase, with its defaults. Dates are ISO 8601. */
export type LockThreadsOptions = ScheduledOptions & {
  /** Days without activity after closing, before it is locked. 365 by default. */
  readonly [Its in Kind as `${Its}InactiveDays`]?: number;
} & {
  /** Leaves alone what was created or closed before or after a date. */
  readonly [Its in Named as `exclude${Its}${"Created" | "Closed"}${"Before" | "After"}`]?: string;
} & {
  /** The same for a period: `"2018-01-01/2019-12-31"`, or both dates in a list. */
  readonly [Its in Named as `exclude${Its}${"Created" | "Closed"}Between`]?: string | readonly [string, string];
} & {
  /**
   * Only threads with any of these labels, with all of these, or with none of these. With `includeAll…`, `includeAny…`
   * has no effect.
   */
  readonly [Its in Named as `${"includeAny" | "includeAll" | "excludeAny"}${Its}Labels`]?: Names;
} & {
  /** Labels to add or remove before locking. */
  readonly [Its in Named as `${"add" | "remove"}${Its}Labels`]?: Names;
} & {
  /** Markdown of a comment before locking. No comment by default. */
  readonly [Its in Kind as `${Its}Comment`]?: string;
} & {
  /** `"resolved"` by default. `""` gives no reason. */
  readonly [Its in "issue" | "pr" as `${Its}LockReason`]?: "" | "resolved" | "off-topic" | "too heated" | "spam";
} & {
  /** Which kinds to process: `["issues", "prs"]`, or `"issues, prs"`. All three kinds by default. */
  readonly processOnly?: Names;
  /** Logs the outputs of the run at its end. */
  readonly logOutput?: boolean;
};

/** The rules for one kind. */
export type LockRules = {
  readonly inactiveDays: number;
  readonly created: Dates;
  readonly closed: Dates;
  readonly includeAny: readonly string[];
  readonly includeAll: readonly string[];
  readonly excludeAny: readonly string[];
  readonly addLabels: readonly string[];
  readonly removeLabels: readonly string[];
  readonly comment: string;
  readonly reason: "resolved" | "off-topic" | "too heated" | "spam" | undefined;
};

/**
 * Epoch milliseconds. Only times later than `after` and earlier than `before`. If both are set, the dates themselves
 * are included.
 */
export type Dates = {
  readonly after: number | undefined;
  readonly before: number | undefined;
  /** Excludes the times within these two, which are included in the period. */
  readonly outside: readonly [number, number] | undefined;
};

const days: Check = (value) =>
  typeof value === "number" && value >= 0 && value <= 3650 ? undefined : "a number of days from 0 to 3650";
const interval: Check = (value) => {
  const [from = Number.NaN, to = Number.NaN, ...more] = datesIn(value);
  return value === "" || (from < to && more.length === 0)
    ? undefined
    : 'two dates, the earlier one first, such as "2018-01-01/2019-12-31"';
};
const kinds: Check = (value) => names(value) ?? someOf(["", "issues", "prs", "discussions"])(namesIn(value as Names));

const KNOWN: Readonly<Record<string, Check>> = {
  ...SCHEDULED,
  processOnly: kinds,
  logOutput: yesOrNo,
  ...Object.fromEntries(
    KINDS.flatMap((kind) => {
      const its = named(kind);
      const dates = ["Created", "Closed"].flatMap((what) => [
        [`exclude${its}${what}Before`, aDate],
        [`exclude${its}${what}After`, aDate],
        [`exclude${its}${what}Between`, interval],
      ]);
      const lists = ["includeAny", "includeAll", "excludeAny", "add", "remove"].map((what) => [
        `${what}${its}Labels`,
        names,
      ]);
      const reason =
        kind === "discussion"
          ? []
          : [[`${kind}LockReason`, oneOf(["", "resolved", "off-topic", "too heated", "spam"])]];
      return [[`${kind}InactiveDays`, days], ...dates, ...lists, [`${kind}Comment`, anyText], ...reason];
    }),
  ),
};

/** @throws Error that names every option that cannot be used, and what to write. */
export function checkLockOptions(options: LockThreadsOptions): void {
  checkOptions("lockThreads", options as Record<string, unknown>, KNOWN as never, {});
}

/** The kinds to process, in this order. */
export function kindsOf({ processOnly }: LockThreadsOptions): readonly Kind[] {
  const only = namesIn(processOnly);
  return KINDS.filter((kind) => only.length === 0 || only.includes(`${kind}s`));
}

export function lockRules(options: LockThreadsOptions, kind: Kind): LockRules {
  const its = named(kind);
  const given = options as Readonly<Record<string, unknown>>;
  const list = (name: string) => namesIn(given[name] as Names | undefined);
  const reason = given[`${kind}LockReason`] ?? "resolved";
  return {
    inactiveDays: (given[`${kind}InactiveDays`] as number | undefined) ?? 365,
    created: datesOf(given, `exclude${its}Created`),
    closed: datesOf(given, `exclude${its}Closed`),
    includeAny: list(`includeAny${its}Labels`),
    includeAll: list(`includeAll${its}Labels`),
    excludeAny: list(`excludeAny${its}Labels`),
    addLabels: list(`add${its}Labels`),
    removeLabels: list(`remove${its}Labels`),
    comment: ((given[`${kind}Comment`] as string | undefined) ?? "").trim(),
    reason: reason === "" || kind === "discussion" ? undefined : (reason as LockRules["reason"]),
  };
}

/**
 * These options exclude. What remains is later than `…Before` and earlier than `…After`. `…Between` takes precedence
 * over both.
 */
function datesOf(given: Readonly<Record<string, unknown>>, name: string): Dates {
  const [from, to] = datesIn(given[`${name}Between`]);
  if (from !== undefined && to !== undefined) return { after: undefined, before: undefined, outside: [from, to] };
  const [after] = datesIn(given[`${name}Before`]);
  const [before] = datesIn(given[`${name}After`]);
  return { after, before, outside: undefined };
}

/** Epoch milliseconds. */
function datesIn(given: unknown): readonly number[] {
  const all = typeof given === "string" ? given.split("/") : Array.isArray(given) ? given.map(String) : [];
  return all.filter((each) => each.trim() !== "").map((each) => Date.parse(each.trim()));
}

function named(kind: Kind): Named {
  return kind === "issue" ? "Issue" : kind === "pr" ? "Pr" : "Discussion";
}
