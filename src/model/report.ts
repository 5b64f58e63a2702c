import type { EventFacts } from "./event-facts.ts";
import type { Annotation } from "./github-reports.ts";
import type { Permissions } from "./permissions.ts";

/** Where each run's result is shown: as a check of the event's commit, which needs a GitHub App, or as a status. */
export type ReportOption<Given = unknown> = ReportAs | ReportOptions<Given>;

export type ReportAs = "check" | "status";

export type ReportOptions<Given = unknown> = {
  readonly as: ReportAs;
  /** The name of the check, or the context of the status. Default: the workflow's name. */
  readonly name?: string;
  /** The commit, if the event has none or you want another one. Undefined: this event is not reported. */
  readonly commit?: (given: Given) => ReportedCommit | undefined;
};

export type ReportedCommit = {
  /** `owner/name` */
  readonly repository: string;
  /** The full hash. */
  readonly sha: string;
};

/** A run's report about its result. */
export type RunReport = {
  /** One line. Default: the run's outcome. A status shows its first 140 characters. */
  readonly title?: string;
  /** Markdown, up to 65,535 characters; a status has none. */
  readonly summary?: string;
  /** Shown next to the lines of the commit; a status has none. */
  readonly annotations?: readonly Annotation[];
};

type Reported<Given> = ReportOptions<Given> & { readonly name: string };

type Reporting<Given> = { readonly name: string; readonly report?: ReportOption<Given> | undefined };

/** A workflow's report option in the long form; undefined if it does not report. */
export function reportOf<Given>({ name, report }: Reporting<Given>): Reported<Given> | undefined {
  return report && { name, ...(typeof report === "string" ? { as: report } : report) };
}

/** The permissions that a credential needs to write results. */
export function neededFor(report: ReportOption<never> | undefined): Permissions {
  const as = typeof report === "object" ? report.as : report;
  return as === "check" ? { checks: "write" } : as === "status" ? { statuses: "write" } : {};
}

type Facts = { readonly [Fact in "repository" | "sha" | "pull"]?: EventFacts[Fact] | undefined };

/** `owner/name@sha`, or `owner/name#12` if the event only names a pull request: the group of runs that report. */
export function groupOfCommit({ repository, sha, pull }: Facts): string | undefined {
  if (repository === undefined) return undefined;
  return sha !== undefined ? `${repository}@${sha}` : pull !== undefined ? `${repository}#${pull}` : undefined;
}
