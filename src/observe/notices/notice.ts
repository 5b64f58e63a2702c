import type { Run } from "../../model/run.ts";
import { oneLine } from "../../model/visible.ts";

/** What is posted, as JSON. `text` is all that Slack reads of it. */
export type Notice = {
  readonly text: string;
  readonly event: "failure" | "recovery";
  readonly workflow: string;
  readonly group: string | undefined;
  readonly run: string;
  readonly attempts: number;
  readonly reason: string | undefined;
  /** RFC 3339. */
  readonly endedAt: string;
};

const MAX_REASON_CHARACTERS = 1000;

export function noticeOf(event: Notice["event"], run: Run, scrub: (text: string) => string): Notice {
  const { id, workflow, attempts } = run;
  const group = run.group === undefined ? undefined : brief(scrub(run.group), 253);
  const reason = run.reason === undefined ? undefined : brief(scrub(run.reason), MAX_REASON_CHARACTERS);
  const subject = `${workflow}${group === undefined ? "" : ` for ${group}`}`;
  const text =
    event === "failure"
      ? `${subject} failed: ${reason ?? "no reason is known."} (run ${id})`
      : `${subject} succeeded again. (run ${id})`;
  return {
    text: forSlack(text),
    event,
    workflow,
    group,
    run: id,
    attempts,
    reason,
    endedAt: new Date(run.endedAt ?? 0).toISOString(),
  };
}

/** On one line, and not without end. */
function brief(text: string, characters: number): string {
  return oneLine(text).slice(0, characters);
}

/** Without it a name such as `<!channel>` would call everybody: https://docs.slack.dev/messaging/formatting-message-text */
function forSlack(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
