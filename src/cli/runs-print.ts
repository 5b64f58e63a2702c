import type { RunDetailShown, RunShown } from "../http/runs-schemas.ts";
import { oneLine } from "../model/visible.ts";
import { CommandError } from "./command.ts";
import { type ServiceClient, serviceClient } from "./service-client.ts";
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
  if (json) return void process.stdout.write(`${text}\n`);
  // A service of an earlier version has none.
  const hasLog = await client.logs(said.id, { limit: "1" }).then(
    (page) => page.said.lines.length > 0,
    () => false,
  );
  const turn = await turnOf(client, said);
  const parts = [facts(said, { hasLog, turn }), attempts(said), steps(said), actions(said)];
  process.stdout.write(parts.filter(Boolean).join("\n"));
}

/** What a queued run that is due waits for; undefined when it is about to begin. */
async function turnOf(client: ServiceClient, run: RunDetailShown): Promise<string | undefined> {
  const { status, workflow, group, dueAt } = run;
  if (status !== "queued" || Date.parse(dueAt ?? "") > Date.now()) return undefined;
  const { paused } = (await client.workflows()).said.workflows.find(({ name }) => name === workflow) ?? {};
  if (paused) {
    const [what, which] = paused.all ? ["all workflows are", "--all"] : [`${workflow} is`, workflow];
    return `${what} paused by ${paused.actor} since ${paused.at}: gh-runner workflow resume ${which}`;
  }
  for (const busy of group === undefined ? [] : ["running", "waiting"]) {
    const [other] = (await client.list({ workflow, group, status: busy, limit: "1" })).said.runs;
    if (other) return `its turn: run ${other.id} of its group is ${busy}`;
  }
  return undefined;
}

function facts(run: RunDetailShown, { hasLog, turn }: { hasLog: boolean; turn: string | undefined }): string {
  const lines: readonly (readonly [string, string | undefined])[] = [
    ["run", run.id],
    ["status", run.cleaningUp ? `${run.status}, and its clean-up is under way` : run.status],
    ["workflow", run.workflow],
    ["group", run.group === undefined ? undefined : shortName(run.group)],
    ["input", JSON.stringify(run.input)],
    ["started by", [run.trigger, run.actor].filter(Boolean).join(", ") || undefined],
    ["re-run of", run.rerunOf],
    ["accepted", run.acceptedAt],
    [run.status === "waiting" ? "looks again" : "due", run.dueAt],
    ["waits for", turn],
    ["started", run.startedAt],
    ["ended", run.endedAt],
    ["outputs", run.outputs === undefined ? undefined : JSON.stringify(run.outputs)],
    // While it runs it is that of the attempt before.
    [run.status === "waiting" ? "waits for" : "reason", run.status === "running" ? undefined : run.reason],
    ["superseded by", run.supersededBy],
    ["superseded", run.superseded.join(" ") || undefined],
    ["own token", run.ownToken ? "yes: it is attempted once and cannot be re-run" : undefined],
    ["log", hasLog ? `gh-runner runs logs ${run.id.slice(0, 8)}` : undefined],
  ];
  return lines
    .flatMap(([name, value]) => (value === undefined ? [] : `${name.padEnd(14)}${oneLine(shortText(value))}\n`))
    .join("");
}

function attempts(run: RunDetailShown): string {
  if (run.attempts.length === 0) return "";
  const rows = run.attempts.map((each) => [
    String(each.number),
    // The workflow's clean-up after a cancel.
    each.handler ? `${each.outcome} (cancelled)` : each.outcome,
    each.startedAt,
    took(each),
    each.code ?? "",
    each.githubRequestId ?? "",
    shortText(each.reason ?? ""),
  ]);
  const stack = run.attempts.findLast((each) => each.stack !== undefined);
  const trace = stack
    ? `\nSTACK OF ATTEMPT ${stack.number}\n${(stack.stack ?? "").split("\n").map(frameLine).join("\n")}\n`
    : "";
  return (
    table(["ATTEMPT", "OUTCOME", "STARTED", "TOOK", "CODE", "GITHUB REQUEST", "REASON"], rows, process.stdout.columns) +
    trace
  );
}

/** A line of a stack; frames are indented. */
function frameLine(line: string): string {
  return `${line.startsWith(" ") ? "    " : ""}${oneLine(line)}`;
}

function steps(run: RunDetailShown): string {
  if (run.steps.length === 0) return "";
  const rows = run.steps.map((each) => [
    shortName(each.name),
    each.kind,
    String(each.attempt),
    each.startedAt,
    each.interrupted ? left(each.kind) : each.endedAt === undefined ? "under way" : took(each),
    shortText(each.error ?? JSON.stringify(each.result) ?? ""),
  ]);
  const heading = ["STEP", "KIND", "ATTEMPT", "STARTED", "TOOK", "RESULT OR ERROR"];
  return table(heading, rows, process.stdout.columns);
}

/** A wait that has no end may be what lost a race. */
const left = (kind: string) => (kind === "step" ? "interrupted" : "not finished");

function actions(run: RunDetailShown): string {
  if (run.actions.length === 0) return "";
  const rows = run.actions.map((each) => [each.at, each.action, shortName(each.actor), shortText(each.details ?? "")]);
  return table(["AT", "ACTION", "BY", "DETAILS"], rows, process.stdout.columns);
}

function took({ startedAt, endedAt }: { startedAt: string; endedAt?: string | undefined }): string {
  if (endedAt === undefined) return "";
  return shortDuration(Date.parse(endedAt) - Date.parse(startedAt));
}
