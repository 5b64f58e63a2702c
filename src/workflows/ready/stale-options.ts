import { type Names, names, namesIn } from "./lists.ts";
import { aDate, anyText, type Check, checkOptions, type NoneOf, oneOf, yesOrNo } from "./options.ts";
import { SCHEDULED, type ScheduledOptions } from "./scheduled.ts";

const REJECTED = {
  repoToken: "githubToken names the variable with the token; without it the service uses its token",
} as const;

/** The options of actions/stale, in camelCase, with its defaults. Days may have a fraction; a negative number is never. */
export type StaleOptions = ScheduledOptions &
  NoneOf<typeof REJECTED> & {
    /** Days without activity until it becomes stale; 60 without it. */
    readonly daysBeforeStale?: number;
    readonly daysBeforeIssueStale?: number;
    readonly daysBeforePrStale?: number;
    /** Days without activity, once stale, until it is closed; 7 without it. */
    readonly daysBeforeClose?: number;
    readonly daysBeforeIssueClose?: number;
    readonly daysBeforePrClose?: number;
    /** Markdown of the comment on what becomes stale; no comment without it. */
    readonly staleIssueMessage?: string;
    readonly stalePrMessage?: string;
    /** Markdown of the comment on what is closed; no comment without it. */
    readonly closeIssueMessage?: string;
    readonly closePrMessage?: string;
    /** `"Stale"` without it. */
    readonly staleIssueLabel?: string;
    readonly stalePrLabel?: string;
    /** A label for what is closed. It is taken off what is open again. */
    readonly closeIssueLabel?: string;
    readonly closePrLabel?: string;
    /** `"not_planned"` without it; `""` gives no reason. */
    readonly closeIssueReason?: "" | "completed" | "not_planned";
    readonly exemptIssueLabels?: Names;
    readonly exemptPrLabels?: Names;
    /** Only what has all of these labels. */
    readonly onlyLabels?: Names;
    readonly onlyIssueLabels?: Names;
    readonly onlyPrLabels?: Names;
    /** Only what has one of these labels. */
    readonly anyOfLabels?: Names;
    readonly anyOfIssueLabels?: Names;
    readonly anyOfPrLabels?: Names;
    /** Only issues of these types. */
    readonly onlyIssueTypes?: Names;
    readonly exemptMilestones?: Names;
    readonly exemptIssueMilestones?: Names;
    readonly exemptPrMilestones?: Names;
    readonly exemptAllMilestones?: boolean;
    readonly exemptAllIssueMilestones?: boolean;
    readonly exemptAllPrMilestones?: boolean;
    readonly exemptAssignees?: Names;
    readonly exemptIssueAssignees?: Names;
    readonly exemptPrAssignees?: Names;
    readonly exemptAllAssignees?: boolean;
    readonly exemptAllIssueAssignees?: boolean;
    readonly exemptAllPrAssignees?: boolean;
    readonly exemptDraftPr?: boolean;
    readonly includeOnlyAssigned?: boolean;
    /** What was created before is left alone: `"2026-04-18T00:00:00Z"`, or as RFC 2822 writes it. */
    readonly startDate?: string;
    /** Activity takes the label off again; true without it. */
    readonly removeStaleWhenUpdated?: boolean;
    readonly removeIssueStaleWhenUpdated?: boolean;
    readonly removePrStaleWhenUpdated?: boolean;
    /** Counts from the creation, and ignores updates. */
    readonly ignoreUpdates?: boolean;
    readonly ignoreIssueUpdates?: boolean;
    readonly ignorePrUpdates?: boolean;
    readonly labelsToAddWhenUnstale?: Names;
    readonly labelsToRemoveWhenStale?: Names;
    readonly labelsToRemoveWhenUnstale?: Names;
    /** Deletes the branch of a pull request that is closed, if it is one of the same repository. */
    readonly deleteBranch?: boolean;
    /** Every run is a dry run: it logs what it would do. */
    readonly debugOnly?: boolean;
    /** The oldest first. */
    readonly ascending?: boolean;
    /** `"created"` without it. */
    readonly sortBy?: "created" | "updated" | "comments";
    /** The most issues and pull requests that a run changes; no limit without it. The next run continues. */
    readonly operationsPerRun?: number;
    /** Logs how many were seen, marked and closed; true without it. */
    readonly enableStatistics?: boolean;
  };

/** What one more policy may say: all but when the workflow runs, where, and as whom. */
export type StalePolicy = Omit<StaleOptions, keyof ScheduledOptions | "enableStatistics">;

const label: Check = (value) => (typeof value === "string" && value.trim() !== "" ? undefined : "the name of a label");
const days: Check = (value) =>
  typeof value === "number" && Number.isFinite(value) ? undefined : "a number of days, such as 60; -1 is never";
const count: Check = (value) =>
  Number.isSafeInteger(value) && Number(value) > 0 ? undefined : "a whole number, 1 or more";

const KNOWN = {
  ...SCHEDULED,
  daysBeforeStale: days,
  daysBeforeIssueStale: days,
  daysBeforePrStale: days,
  daysBeforeClose: days,
  daysBeforeIssueClose: days,
  daysBeforePrClose: days,
  staleIssueMessage: anyText,
  stalePrMessage: anyText,
  closeIssueMessage: anyText,
  closePrMessage: anyText,
  staleIssueLabel: label,
  stalePrLabel: label,
  closeIssueLabel: anyText,
  closePrLabel: anyText,
  closeIssueReason: oneOf(["", "completed", "not_planned"]),
  exemptIssueLabels: names,
  exemptPrLabels: names,
  onlyLabels: names,
  onlyIssueLabels: names,
  onlyPrLabels: names,
  anyOfLabels: names,
  anyOfIssueLabels: names,
  anyOfPrLabels: names,
  onlyIssueTypes: names,
  exemptMilestones: names,
  exemptIssueMilestones: names,
  exemptPrMilestones: names,
  exemptAllMilestones: yesOrNo,
  exemptAllIssueMilestones: yesOrNo,
  exemptAllPrMilestones: yesOrNo,
  exemptAssignees: names,
  exemptIssueAssignees: names,
  exemptPrAssignees: names,
  exemptAllAssignees: yesOrNo,
  exemptAllIssueAssignees: yesOrNo,
  exemptAllPrAssignees: yesOrNo,
  exemptDraftPr: yesOrNo,
  includeOnlyAssigned: yesOrNo,
  startDate: aDate,
  removeStaleWhenUpdated: yesOrNo,
  removeIssueStaleWhenUpdated: yesOrNo,
  removePrStaleWhenUpdated: yesOrNo,
  ignoreUpdates: yesOrNo,
  ignoreIssueUpdates: yesOrNo,
  ignorePrUpdates: yesOrNo,
  labelsToAddWhenUnstale: names,
  labelsToRemoveWhenStale: names,
  labelsToRemoveWhenUnstale: names,
  deleteBranch: yesOrNo,
  debugOnly: yesOrNo,
  ascending: yesOrNo,
  sortBy: oneOf(["created", "updated", "comments"]),
  operationsPerRun: count,
  enableStatistics: yesOrNo,
} satisfies Record<string, Check>;

/** What holds for issues, or for pull requests. Of `only…` and `any…` an empty list takes everything. */
export type StaleRules = {
  readonly daysBeforeStale: number;
  readonly daysBeforeClose: number;
  readonly staleMessage: string;
  readonly closeMessage: string;
  readonly staleLabel: string;
  readonly closeLabel: string;
  /** GitHub's `state_reason`; undefined: none is given. */
  readonly closeReason: "completed" | "not_planned" | undefined;
  readonly exemptLabels: readonly string[];
  readonly onlyLabels: readonly string[];
  readonly anyOfLabels: readonly string[];
  readonly onlyTypes: readonly string[];
  readonly exemptMilestones: readonly string[];
  readonly exemptAllMilestones: boolean;
  readonly exemptAssignees: readonly string[];
  readonly exemptAllAssignees: boolean;
  readonly exemptDrafts: boolean;
  readonly onlyAssigned: boolean;
  /** Epoch milliseconds. */
  readonly startDate: number | undefined;
  readonly removeWhenUpdated: boolean;
  readonly ignoreUpdates: boolean;
  readonly addWhenUnstale: readonly string[];
  readonly removeWhenStale: readonly string[];
  readonly removeWhenUnstale: readonly string[];
};

/** @throws Error that names every option that cannot be used, and what to write. */
export function checkStaleOptions(options: StaleOptions, more: readonly StalePolicy[]): void {
  checkOptions<StaleOptions>("stale", options, KNOWN as never, REJECTED);
  for (const policy of more) {
    const [first] = Object.keys(policy).filter((name) => OF_THE_WORKFLOW.includes(name));
    if (first !== undefined)
      throw new Error(`stale(): ${first} is only for the first policy: it applies to all of them`);
    checkOptions<StaleOptions>("stale", policy as StaleOptions, KNOWN as never, REJECTED);
  }
}

const OF_THE_WORKFLOW: readonly string[] = [
  ...["name", "githubToken", "githubApp", "permissions", "enableStatistics"],
  ...Object.keys(SCHEDULED),
];

/** What the options come to for each kind: an option for one kind goes before the one for both. */
export function staleRules(options: StalePolicy): { readonly issue: StaleRules; readonly pull: StaleRules } {
  const { daysBeforeStale = 60, daysBeforeClose = 7, closeIssueReason = "not_planned", startDate = "" } = options;
  const both = {
    onlyAssigned: options.includeOnlyAssigned ?? false,
    startDate: startDate === "" ? undefined : Date.parse(startDate),
    addWhenUnstale: namesIn(options.labelsToAddWhenUnstale),
    removeWhenStale: namesIn(options.labelsToRemoveWhenStale),
    removeWhenUnstale: namesIn(options.labelsToRemoveWhenUnstale),
  };
  const removeWhenUpdated = options.removeStaleWhenUpdated ?? true;
  return {
    issue: {
      ...both,
      daysBeforeStale: options.daysBeforeIssueStale ?? daysBeforeStale,
      daysBeforeClose: options.daysBeforeIssueClose ?? daysBeforeClose,
      staleMessage: options.staleIssueMessage ?? "",
      closeMessage: options.closeIssueMessage ?? "",
      staleLabel: options.staleIssueLabel ?? "Stale",
      closeLabel: options.closeIssueLabel ?? "",
      closeReason: closeIssueReason === "" ? undefined : closeIssueReason,
      exemptLabels: namesIn(options.exemptIssueLabels),
      onlyLabels: either(options.onlyIssueLabels, options.onlyLabels),
      anyOfLabels: either(options.anyOfIssueLabels, options.anyOfLabels),
      onlyTypes: namesIn(options.onlyIssueTypes),
      exemptMilestones: either(options.exemptIssueMilestones, options.exemptMilestones),
      exemptAllMilestones: options.exemptAllIssueMilestones ?? options.exemptAllMilestones ?? false,
      exemptAssignees: either(options.exemptIssueAssignees, options.exemptAssignees),
      exemptAllAssignees: options.exemptAllIssueAssignees ?? options.exemptAllAssignees ?? false,
      exemptDrafts: false,
      removeWhenUpdated: options.removeIssueStaleWhenUpdated ?? removeWhenUpdated,
      ignoreUpdates: options.ignoreIssueUpdates ?? options.ignoreUpdates ?? false,
    },
    pull: {
      ...both,
      daysBeforeStale: options.daysBeforePrStale ?? daysBeforeStale,
      daysBeforeClose: options.daysBeforePrClose ?? daysBeforeClose,
      staleMessage: options.stalePrMessage ?? "",
      closeMessage: options.closePrMessage ?? "",
      staleLabel: options.stalePrLabel ?? "Stale",
      closeLabel: options.closePrLabel ?? "",
      // Pull requests have none.
      closeReason: undefined,
      exemptLabels: namesIn(options.exemptPrLabels),
      onlyLabels: either(options.onlyPrLabels, options.onlyLabels),
      anyOfLabels: either(options.anyOfPrLabels, options.anyOfLabels),
      // They have no type.
      onlyTypes: [],
      exemptMilestones: either(options.exemptPrMilestones, options.exemptMilestones),
      exemptAllMilestones: options.exemptAllPrMilestones ?? options.exemptAllMilestones ?? false,
      exemptAssignees: either(options.exemptPrAssignees, options.exemptAssignees),
      exemptAllAssignees: options.exemptAllPrAssignees ?? options.exemptAllAssignees ?? false,
      exemptDrafts: options.exemptDraftPr ?? false,
      removeWhenUpdated: options.removePrStaleWhenUpdated ?? removeWhenUpdated,
      ignoreUpdates: options.ignorePrUpdates ?? options.ignoreUpdates ?? false,
    },
  };
}

/** The names for one kind; those for both where it has none. */
function either(its: Names | undefined, both: Names | undefined): readonly string[] {
  const own = namesIn(its);
  return own.length > 0 ? own : namesIn(both);
}
