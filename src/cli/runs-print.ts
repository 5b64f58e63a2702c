import type { RunDetailShown, RunShown } from "../http/runs-schemas.ts";
import { oneLine } from "../model/visible.ts";
import { CommandError } from "./command.ts";
import { serviceClient } from "./service-client.ts";
import { shortDuration, shortName, shortText, table } from "./terminal.ts";

type ListOptions = { json?: true; follow?: true } & Partial<
  Record<"status" | "workflow" | "group" | "limit" | "cursor", string>
>;

/** Prints runs, newest first. */
export async function listRuns({ json, follow, ...query }: ListOptions): Promise<void> {
  if (follow) {
    if (query.cursor !== undefined) throw new CommandError("--cursor goes on with an earlier list; --follow has none.");
    const { followRuns } = await import("./runs-follow.ts");
    return followRuns(query, json);
  }
  const { text, said } = await serviceClient().list(query);
  if (json) {
    process.stdout.write(`${text}\n`);
    return;
  }
  const now = Date.now();
  const rows = said.runs.map((run) => [
    run.id,
    run.status,
    run.workflow,
    shortName(run.group ?? ""),
    String(run.attemptCount),
    shortDuration(now - Date.parse(run.acceptedAt)),
    shortText(reasonOf(run)),
  ]);
  process.stdout.write(
    table(["RUN", "STATUS", "WORKFLOW", "GROUP", "ATTEMPTS", "AGE", "REASON"], rows, process.stdout.columns),
  );
  if (said.next !== undefined) process.stderr.write(`There are more: --cursor ${said.next}\n`);
}

function reasonOf({ reason, supersededBy }: RunShown): string {
  return supersededBy === undefined ? (reason ?? "") : `superseded by ${supersededBy}`;
}

/** Prints one run with its attempts and steps. */
export async function showRun(
  id: string,
  { json, follow }: { readonly json?: true; readonly follow?: true },
): Promise<void> {
  if (follow) {
    const { followRun } = await import("./runs-follow.ts");
    return followRun(id, json);
  }
  const client = serviceClient();
  const { text, said } = await client.show(await client.idOf(id));
  process.stdout.write(json ? `${text}\n` : [facts(said), attempts(said), steps(said)].filter(Boolean).join("\n"));
}

function facts(run: RunDetailShown): string {
  const lines: readonly (readonly [string, string | undefined])[] = [
    ["run", run.id],
    ["status", run.status],
    ["workflow", run.workflow],
    ["group", run.group === undefined ? undefined : shortName(run.group)],
    ["input", JSON.stringify(run.input)],
    ["accepted", run.acceptedAt],
    ["due", run.dueAt],
    ["started", run.startedAt],
    ["ended", run.endedAt],
    ["outputs", run.outputs === undefined ? undefined : JSON.stringify(run.outputs)],
    ["reason", run.reason],
    ["superseded by", run.supersededBy],
    ["superseded", run.superseded.join(" ") || undefined],
    ["own token", run.ownToken ? "yes: it is attempted once and cannot be re-run" : undefined],
  ];
  return lines
    .flatMap(([name, value]) => (value === undefined ? [] : `${name.padEnd(14)}${oneLine(shortText(value))}\n`))
    .join("");
}

function attempts(run: RunDetailShown): string {
  if (run.attempts.length === 0) return "";
  const rows = run.attempts.map((each) => [
    String(each.number),
    each.outcome,
    each.startedAt,
    took(each),
    each.githubRequestId ?? "",
    shortText(each.reason ?? ""),
  ]);
  const stack = run.attempts.findLast((each) => each.stack !== undefined);
  const trace = stack
    ? `\nSTACK OF ATTEMPT ${stack.number}\n${(stack.stack ?? "").split("\n").map(oneLine).join("\n ")}\n`
    : "";
  return (
    table(["ATTEMPT", "OUTCOME", "STARTED", "TOOK", "GITHUB REQUEST", "REASON"], rows, process.stdout.columns) + trace
  );
}

function steps(run: RunDetailShown): string {
  if (run.steps.length === 0) return "";
  const rows = run.steps.map((each) => [
    shortName(each.name),
    String(each.attempt),
    each.startedAt,
    took(each),
    shortText(each.error ?? JSON.stringify(each.result) ?? ""),
  ]);
  return table(["STEP", "ATTEMPT", "STARTED", "TOOK", "RESULT OR ERROR"], rows, process.stdout.columns);
}

function took({ startedAt, endedAt }: { startedAt: string; endedAt?: string | undefined }): string {
  if (endedAt === undefined) return "";
  return shortDuration(Date.parse(endedAt) - Date.parse(startedAt));
}
