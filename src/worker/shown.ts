import { PermanentFailure } from "../model/failure.ts";
import { shown as inWords } from "../model/problems.ts";
import type { RunReport } from "../model/report.ts";
import type { Next } from "../model/retry.ts";
import type { Outcome, Run } from "../model/run.ts";

/** An attempt's outcome, and what follows. */
export type Came = { readonly outcome: Outcome; readonly next: Next };

/** What is shown on the commit about a run. */
export type Shown = {
  readonly state: "in_progress" | "success" | "skipped" | "failure" | "cancelled";
  readonly title: string;
  /** Markdown. */
  readonly summary: string;
  readonly annotations: NonNullable<RunReport["annotations"]>;
};

/** @throws PermanentFailure if `report` gets a wrong argument, since a workflow may be written in JavaScript. */
export function requireReport(given: unknown): asserts given is RunReport {
  const { title, summary, annotations } = (given ?? {}) as Readonly<Record<string, unknown>>;
  const isText = (value: unknown) => value === undefined || typeof value === "string";
  const isList = annotations === undefined || Array.isArray(annotations);
  if (typeof given === "object" && given !== null && isText(title) && isText(summary) && isList) return;
  throw new PermanentFailure({
    tried: "reporting",
    happened: `report was called with ${inWords(given)}`,
    remedy: "Pass { title, summary, annotations }: two strings and a list. Each is optional.",
  });
}

/** What to show for a run with this attempt, and with these reports of its workflow. */
export function shownOf(
  { reason }: Pick<Run, "reason">,
  { outcome, next }: Came,
  said: readonly RunReport[],
  isCancelled: boolean,
): Shown {
  const { title, summary }: RunReport = Object.assign({}, ...said);
  const annotations = said.flatMap(({ annotations = [] }) => annotations);
  const as = (state: Shown["state"], its: { title: string; summary: string }): Shown => ({
    state,
    ...its,
    annotations,
  });
  if (outcome.status === "cancelled") return cancelledAs(outcome.reason);
  if (isCancelled) return cancelledAs(reason ?? "Cancelled.");
  switch (outcome.status) {
    case "success":
      return as("success", { title: title || "Success", summary: summary || "The run has succeeded." });
    case "skipped":
      return as("skipped", { title: title || outcome.reason, summary: summary || verbatim(outcome.reason) });
    case "waiting":
      return as("in_progress", { title: title || outcome.reason, summary: summary || verbatim(outcome.reason) });
  }
  const why = verbatim(next.end && next.because ? `${outcome.reason} ${next.because}` : outcome.reason);
  if (next.end) {
    // A report from before an unexpected error may say "All is well".
    const isMeant = outcome.kind === "permanent";
    const parts = isMeant && summary ? [summary, why] : [why];
    return as("failure", { title: (isMeant && title) || outcome.reason, summary: parts.join("\n\n") });
  }
  return { state: "in_progress", title: `Will be retried: ${outcome.reason}`, summary: why, annotations: [] };
}

export function cancelledAs(reason: string): Shown {
  return { state: "cancelled", title: reason, summary: verbatim(reason), annotations: [] };
}

/** A text as Markdown that shows it unchanged, no matter who wrote it: without links or mentions. */
function verbatim(text: string): string {
  const longest = Math.max(2, ...(text.match(/`+/g) ?? []).map(({ length }) => length));
  const fence = "`".repeat(longest + 1);
  return `${fence}text\n${text}\n${fence}`;
}
