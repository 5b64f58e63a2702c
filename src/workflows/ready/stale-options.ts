import { type Names, names, namesIn } from "./lists.ts";
import { aDate, anyText, type Check, checkOptions, type NoneOf, oneOf, yesOrNo } from "./options.ts";
import { SCHEDULED, type ScheduledOptions } from "./scheduled.ts";

const REJECTED = {
  repoToken: "githubToken names the variable with the token; without it the service uses its token",
} as const;

/**
 * The options of actions/stale, in camelCase, with its defaults. Days may have a fraction. A negative number means
 * never.
 */
export type StaleOptions = ScheduledOptions &
  NoneOf<typeof REJECTED> & {
    /** Days without activity before it becomes stale. 60 by default. */
    readonly daysBeforeStale?: number;
    readonly daysBeforeIssueStale?: number;
    readonly daysBeforePrStale?: number;
    /** Days without activity while stale, before it is closed. 7 by default. */
    readonly daysBeforeClose?: number;
    readonly daysBeforeIssueClose?: number;
    readonly daysBeforePrClose?: number;
    /** Markdown of the comment when it becomes stale. No comment by default. */
    readonly staleIssueMessage?: string;
    readonly stalePrMessage?: string;
    /** Markdown of the comment when it is closed. No comment by default. */
    readonly closeIssueMessage?: string;
    readonly closePrMessage?: string;
    /** `"Stale"` by default. */
    readonly staleIssueLabel?: string;
    readonly stalePrLabel?: string;
    /** A label for closed threads. It is removed when a thread is open again. */
    readonly closeIssueLabel?: string;
    readonly closePrLabel?: string;
    /** `"not_planned"` by default. `""` gives no reason. */
    readonly closeIssueReason?: "" | "completed" | "not_planned";
    readonly exemptIssueLabels?: Names;
    readonly exemptPrLabels?: Names;
    /** Only threads with all of these labels. */
    readonly onlyLabels?: Names;
    readonly onlyIssueLabels?: Names;
    readonly onlyPrLabels?: Names;
    /** Only threads with one of these labels. */
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
    /** Threads created before this date are left alone: `"2026-04-18T00:00:00Z"`, or in the format of RFC 2822. */
    readonly startDate?: string;
    /** Activity removes the label again. True by default. */
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
    /** Deletes the branch of a closed pull request, if the branch is in the same repository. */
    readonly deleteBranch?: boolean;
    /** Every run is a dry run: it logs what it would do. */
    readonly debugOnly?: boolean;
    /** Oldest first. */
    readonly ascending?: boolean;
    /** `"created"` by default. */
    readonly sortBy?: "created" | "updated" | "comments";
    /**
     * The maximum number of issues and pull requests that a run changes by this policy. No limit by default. The next
     * run continues.
     */
    readonly operationsPerRun?: number;
    /** Logs how many were seen, marked and closed. True by default. */
    readonly enableStatistics?: boolean;
  };

/** The options of an additional policy: all except the schedule, the repositories and the credentials. */
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

/** The rules for issues or for pull requests. An empty `only…` or `any…` list accepts everything. */
export type StaleRules = {
  readonly daysBeforeStale: number;
  readonly daysBeforeClose: number;
  readonly staleMessage: string;
  readonly closeMessage: string;
  readonly staleLabel: string;
  readonly closeLabel: string;
  /** GitHub's `state_reason`. Undefined: no reason is given. */
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

/** The rules for each kind. An option for one kind takes precedence over the option for both. */
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
      // Pull requests have no reason.
      closeReason: undefined,
      exemptLabels: namesIn(options.exemptPrLabels),
      onlyLabels: either(options.onlyPrLabels, options.onlyLabels),
      anyOfLabels: either(options.anyOfPrLabels, options.anyOfLabels),
      // Pull requests have no type.
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

/** The names for one kind. If there are none, the names for both. */
function either(its: Names | undefined, both: Names | undefined): readonly string[] {
  const names = namesIn(its);
  return names.length > 0 ? names : namesIn(both);
}
