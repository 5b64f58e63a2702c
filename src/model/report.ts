import type { EventFacts } from "./event-facts.ts";
import type { Annotation } from "./github-reports.ts";
import type { Permissions } from "./permissions.ts";

/** Where the result of each run is shown: as a check of the event's commit, which needs a GitHub App, or as a status. */
export type ReportOption<Given = unknown> = ReportAs | ReportOptions<Given>;

export type ReportAs = "check" | "status";

export type ReportOptions<Given = unknown> = {
  readonly as: ReportAs;
  /** Of the check, or the context of the status; the workflow's name without it. */
  readonly name?: string;
  /** The commit, where the event has none or another one is meant. Undefined: this event is not reported. */
  readonly commit?: (given: Given) => ReportedCommit | undefined;
};

export type ReportedCommit = {
  /** `owner/name` */
  readonly repository: string;
  /** The full hash. */
  readonly sha: string;
};

/** What a run says of its result. */
export type RunReport = {
  /** One line; without it what the run has come to. A status shows its first 140 characters. */
  readonly title?: string;
  /** Markdown, up to 65,535 characters; a status has none. */
  readonly summary?: string;
  /** Shown beside the lines of the commit; a status has none. */
  readonly annotations?: readonly Annotation[];
};

type Reported<Given> = ReportOptions<Given> & { readonly name: string };

type Reporting<Given> = { readonly name: string; readonly report?: ReportOption<Given> | undefined };

/** How a workflow reports, in the long form; undefined: it does not. */
export function reportOf<Given>({ name, report }: Reporting<Given>): Reported<Given> | undefined {
  return report && { name, ...(typeof report === "string" ? { as: report } : report) };
}

/** What a credential must be permitted so that results can be written. */
export function neededFor(report: ReportOption<never> | undefined): Permissions {
  const as = typeof report === "object" ? report.as : report;
  return as === "check" ? { checks: "write" } : as === "status" ? { statuses: "write" } : {};
}

type Facts = { readonly [Fact in "repository" | "sha" | "pull"]?: EventFacts[Fact] | undefined };

/** `owner/name@sha`, or `owner/name#12` where the event names a pull request alone: what runs that report take their turns by. */
export function groupOfCommit({ repository, sha, pull }: Facts): string | undefined {
  if (repository === undefined) return undefined;
  return sha !== undefined ? `${repository}@${sha}` : pull !== undefined ? `${repository}#${pull}` : undefined;
}
