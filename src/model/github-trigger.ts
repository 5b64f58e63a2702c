import { touchedByPush } from "./changed-files.ts";
import { ABOUT_PULL, at } from "./event-facts.ts";
import { choosing, type FilterPatterns } from "./filter-patterns.ts";
import type { ActionOf, NO_WEBHOOKS, NoWebhook, WebhookEvent, WebhookName } from "./webhooks.ts";

/** GitHub's webhook `POST /webhooks/github`, signed with GITHUB_WEBHOOK_SECRET, starts the workflow. */
export type GitHubTrigger<
  Name extends WebhookName | NoWebhook = WebhookName,
  Action extends ActionOf<Name> = ActionOf<Name>,
> = {
  /** GitHub's names: `"pull_request"`, `"workflow_run"`. */
  readonly events: EventNamed<Name> | readonly EventNamed<Name>[];
  /** Only these actions, `["opened", "reopened"]`. Default: all. */
  readonly actions?: readonly Action[];
  /**
   * Only these branches, as GitHub's filter patterns. For a push, the pushed branch. For a pull request or a merge
   * group, the branch to merge into. For a `workflow_run`, the branch that it ran on.
   */
  readonly branches?: OnlyOf<Name, "branches">;
  /** All branches except these. */
  readonly branchesIgnore?: OnlyOf<Name, "branches">;
  /**
   * Only pushes of these tags. With only `tags`, pushes of branches do not match; with only `branches`, pushes of tags
   * do not.
   */
  readonly tags?: OnlyOf<Name, "tags">;
  /** Only pushes of other tags. */
  readonly tagsIgnore?: OnlyOf<Name, "tags">;
  /**
   * Only events that change at least one of these files, as GitHub's filter patterns: `["docs/**", "!docs/drafts/**"]`.
   * If the payload does not list the files, the run asks GitHub, and is skipped if none matches.
   */
  readonly paths?: OnlyOf<Name, "paths">;
  /** Only events that change at least one other file. */
  readonly pathsIgnore?: OnlyOf<Name, "paths">;
  /**
   * Only issues, pull requests and discussions with at least one of these labels, in any case. For the actions
   * `labeled` and `unlabeled`, the label that was added or removed.
   */
  readonly labels?: OnlyOf<Name, "labels">;
  /** A final check of the event: if it returns false, there is no run. */
  filter?(event: WebhookEvent<Name, Action>): boolean;
};

/** The events of each filter, and the message for other events. */
export const FILTERS = {
  branches: {
    events: ["push", ...ABOUT_PULL, "merge_group", "workflow_run"],
    words: "branches are for push, pull_request, merge_group and workflow_run: write other events as another entry",
  },
  tags: { events: ["push"], words: "tags are for push: write other events as another entry" },
  paths: {
    events: ["push", ...ABOUT_PULL],
    words: "paths are for push and pull_request: write other events as another entry",
  },
  labels: {
    events: ["issues", "issue_comment", ...ABOUT_PULL, "discussion", "discussion_comment"],
    words: "labels are for issues, pull requests and discussions: write other events as another entry",
  },
} as const satisfies Record<string, { readonly events: readonly WebhookName[]; readonly words: string }>;

/** The filters of an entry that are data. */
const FILTER_FIELDS = [
  ...(["branches", "branchesIgnore", "tags", "tagsIgnore"] as const),
  ...(["paths", "pathsIgnore", "labels"] as const),
] as const satisfies (keyof GitHubTrigger)[];

/** An entry's data filters, each with its patterns or labels. */
export function filtersOf(entry: GitHubTrigger): { [Field in (typeof FILTER_FIELDS)[number]]?: readonly string[] } {
  const used = FILTER_FIELDS.filter((field) => entry[field] !== undefined);
  return Object.fromEntries(used.map((field) => [field, [entry[field] ?? []].flat()]));
}

/** An entry in words: `pull_request`, and `opened; branches: main`. */
export function entryInWords(entry: GitHubTrigger): { readonly events: string; readonly only: string } {
  const filters = Object.entries(filtersOf(entry)).map(([field, patterns]) => `${field}: ${patterns.join(", ")}`);
  const only = [...(entry.actions ? [entry.actions.join(", ")] : []), ...filters].join("; ");
  return { events: [entry.events].flat().join(", "), only };
}

type EventNamed<Name> = Name extends NoWebhook ? (typeof NO_WEBHOOKS)[Name] : Name;

/** The type of a filter, or the message why these events do not have it. */
type OnlyOf<Name, Filter extends keyof typeof FILTERS> = [
  Exclude<Name, (typeof FILTERS)[Filter]["events"][number]>,
] extends [never]
  ? FilterPatterns
  : WebhookName extends Name
    ? FilterPatterns
    : (typeof FILTERS)[Filter]["words"];

/** Whether an entry may want an event, judging by its name and action. */
export function mayWant({ events, actions }: GitHubTrigger, name: string, action: unknown): boolean {
  if (!([] as string[]).concat(events).includes(name)) return false;
  return !actions || (actions as readonly unknown[]).includes(action);
}

/** Whether an entry wants an event, judging by its payload. For `paths`, the run may have to ask GitHub. */
export function isFor(entry: GitHubTrigger, event: WebhookEvent): boolean {
  return whyNot(entry, event) === undefined;
}

/**
 * Why no entry of a workflow wants an event, in words that continue its name: `wants opened, this is closed`. Undefined
 * if an entry wants it. If some entries are for this kind of event, only their reasons count.
 */
export function whyNoEntry(entries: readonly GitHubTrigger[], event: WebhookEvent): string | undefined {
  const reasons: string[] = [];
  for (const entry of entries) {
    const reason = whyNot(entry, event);
    if (reason === undefined) return undefined;
    if (isForEvent(entry, event.name)) reasons.push(reason);
  }
  if (reasons.length > 0) return [...new Set(reasons)].join("; ");
  const names = new Set(entries.flatMap(({ events }) => events as WebhookName));
  return `${FOR_OTHERS}${listed([...names], "and")}, not for ${event.name}`;
}

/** Whether a reason of `whyNoEntry` says that no entry is for this kind of event. */
export const isForOthers = (reason: string): boolean => reason.startsWith(FOR_OTHERS);

const FOR_OTHERS = "is for ";

/** Why an entry does not want an event. Undefined if it does, judging by the payload. */
function whyNot(entry: GitHubTrigger, event: WebhookEvent): string | undefined {
  const { name, payload } = event;
  const action = at(payload, "action");
  if (!mayWant(entry, name, action)) {
    if (!isForEvent(entry, name)) return `wants ${listed([entry.events].flat())}, this is ${name}`;
    return `wants ${listed(entry.actions ?? [])}, this ${action === undefined ? "has no action" : `is ${action}`}`;
  }
  const touched = asksForFiles(entry, event) ? touchedByPush(event) : undefined;
  return (
    whyNotRef(entry, event) ??
    whyNotLabel(entry, event) ??
    (touched && whyNotFiles(entry, touched)) ??
    ((entry.filter?.(event) ?? true) ? undefined : "its filter returned false")
  );
}

const isForEvent = ({ events }: GitHubTrigger, name: string) => ([] as string[]).concat(events).includes(name);

/** How many names are listed: a workflow can have hundreds of patterns, and a push hundreds of files. */
const MAX_NAMED = 4;

/** `a`, `a or b`, `a, b, c, d or 3 more`. */
function listed(all: readonly string[], word: "or" | "and" = "or"): string {
  const named = all.length > MAX_NAMED + 1 ? [...all.slice(0, MAX_NAMED), `${all.length - MAX_NAMED} more`] : all;
  return named.length < 2 ? named.join("") : `${named.slice(0, -1).join(", ")} ${word} ${named.at(-1)}`;
}

/**
 * The entries that want an event depending on its changed files. Undefined if the files do not matter, because an entry
 * wants the event in any case.
 */
export function entriesWithPaths(
  entries: readonly GitHubTrigger[],
  event: WebhookEvent,
): readonly GitHubTrigger[] | undefined {
  // Most workflows have no paths, and this avoids calling a filter again.
  if (!entries.some((entry) => asksForFiles(entry, event))) return undefined;
  const its = entries.filter((entry) => isFor(entry, event));
  return its.length > 0 && its.every((entry) => asksForFiles(entry, event)) ? its : undefined;
}

/** Whether an entry with paths wants at least one of these files. */
export function hasWantedFile({ paths, pathsIgnore }: GitHubTrigger, files: readonly string[]): boolean {
  if (paths !== undefined) return files.some(choosing(paths));
  const isIgnored = choosing(pathsIgnore ?? []);
  return files.some((file) => !isIgnored(file));
}

function whyNotFiles(entry: GitHubTrigger, files: readonly string[]): string | undefined {
  if (hasWantedFile(entry, files)) return undefined;
  const [verb, patterns] = entry.paths === undefined ? ["ignores", entry.pathsIgnore] : ["wants", entry.paths];
  const changed = files.length === 0 ? "no file" : listed(files, "and");
  return `${verb} changes of ${listed([patterns ?? []].flat())}, this changed ${changed}`;
}

/** Like Actions, ignores the paths of a tag. */
function asksForFiles({ paths, pathsIgnore }: GitHubTrigger, { name, payload }: WebhookEvent): boolean {
  if (paths === undefined && pathsIgnore === undefined) return false;
  return !(name === "push" && String(at(payload, "ref")).startsWith("refs/tags/"));
}

function whyNotRef(
  { branches, branchesIgnore, tags, tagsIgnore }: GitHubTrigger,
  event: WebhookEvent,
): string | undefined {
  if ((branches ?? branchesIgnore ?? tags ?? tagsIgnore) === undefined) return undefined;
  const [, kind, name = ""] = /^(?:refs\/(heads|tags)\/)?(.*)$/s.exec(refOf(event)) ?? [];
  const isTag = kind === "tags";
  const [only, ignored] = isTag ? [tags, tagsIgnore] : [branches, branchesIgnore];
  const [one, many] = isTag ? ["tag", "tags"] : ["branch", "branches"];
  if (only !== undefined) {
    if (choosing(only)(name)) return undefined;
    return `wants the ${one} ${listed([only].flat())}, this ${REF_IS[event.name] ?? "goes into"} ${name || "none"}`;
  }
  if (ignored === undefined) return `wants ${isTag ? "branches" : "tags"} alone, this is the ${one} ${name}`;
  if (!choosing(ignored)(name)) return undefined;
  return `ignores the ${many} ${listed([ignored].flat(), "and")}, this ${REF_IS[event.name] ?? "goes into"} ${name}`;
}

/** How an event relates to the branch of its filters. */
const REF_IS: Readonly<Record<string, string>> = { push: "is", workflow_run: "ran on" };

function refOf({ name, payload }: WebhookEvent): string {
  return String(at(payload, ...(REF_AT[name] ?? ["pull_request", "base", "ref"])) ?? "");
}

/** Where the payload has the branch or tag, for events that are not about a pull request. */
const REF_AT: Readonly<Record<string, readonly string[]>> = {
  push: ["ref"],
  merge_group: ["merge_group", "base_ref"],
  workflow_run: ["workflow_run", "head_branch"],
};

function whyNotLabel({ labels }: GitHubTrigger, { payload }: WebhookEvent): string | undefined {
  if (labels === undefined) return undefined;
  const wanted = [labels].flat().map((label) => label.toLowerCase());
  const there = labelsOf(payload);
  if (there.some((label) => wanted.includes(label.toLowerCase()))) return undefined;
  return `wants the label ${listed([labels].flat())}, this has ${there.length === 0 ? "none" : listed(there, "and")}`;
}

function labelsOf(payload: unknown): readonly string[] {
  const isAboutOne = /^(un)?labeled$/.test(String(at(payload, "action")));
  const all = isAboutOne
    ? [at(payload, "label")]
    : ["issue", "pull_request", "discussion"].flatMap((name) => at(payload, name, "labels"));
  return all.map((label) => at(label, "name")).filter((name) => typeof name === "string");
}
