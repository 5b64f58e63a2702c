import type { RunDetailShown, RunShown } from "../http/runs-schemas.ts";
import { oneLine } from "../model/visible.ts";
import { CommandError } from "./command.ts";
import { type FilterOptions, filterQuery } from "./runs-filter.ts";
import { type ServiceClient, serviceClient } from "./service-client.ts";
import { shellWord, shortDuration, shortName, shortText, shownId, table } from "./terminal.ts";

type ListOptions = FilterOptions & { json?: true; follow?: true } & Partial<
    Record<"status" | "limit" | "cursor", string>
  >;

/**
 * Prints runs, newest first.
 * @param words search words, like those of `--text`.
 */
export async function listRuns(words: readonly string[], options: ListOptions): Promise<void> {
  const { json, follow, status, limit, cursor } = options;
  const text = [...words, options.text ?? []].flat().join(" ") || undefined;
  const query = { ...filterQuery({ ...options, text }), status, limit, cursor };
  if (follow) {
    if (cursor !== undefined)
      throw new CommandError(
        "--cursor continues where an earlier list ended, and --follow has no earlier list: leave one of them out.",
      );
    const { followRuns } = await import("./runs-follow.ts");
    return followRuns(query, json);
  }
  const answer = await serviceClient().list(query);
  if (json) {
    process.stdout.write(`${answer.text}\n`);
    return;
  }
  const { runs, next } = answer.said;
  process.stdout.write(runsTable(runs, Date.now(), process.stdout.columns));
  // A long search returns before it has found enough.
  const isCut = text !== undefined && runs.length < Number(limit ?? USUAL_LIMIT);
  const more = isCut ? "The search has not looked at all runs yet" : "There are more";
  if (next !== undefined) process.stderr.write(`${more}: --cursor ${next}\n`);
  else if (runs.length === 0) {
    const isFiltered = Object.values(query).some((value) => value !== undefined);
    process.stderr.write(isFiltered ? `No run matches.${hint(text)}\n` : "There are no runs yet.\n");
  }
}

/** The service's default. */
const USUAL_LIMIT = 20;

/** The command that explains an empty list. Omitted if the text cannot be copied from a terminal unchanged. */
function hint(text = ""): string {
  const canBeCopied = text !== "" && !text.startsWith("-") && text === oneLine(text);
  return canBeCopied ? ` To find out why: gh-runner why ${shellWord(text)}` : "";
}

/** On a narrower terminal the reason would not fit. */
const COLUMNS_FOR_ATTEMPTS = 100;

/** @param width of the terminal; undefined if there is none. */
export function runsTable(runs: readonly RunShown[], now: number, width: number | undefined): string {
  const hasAttempts = width === undefined || width >= COLUMNS_FOR_ATTEMPTS;
  const rows = runs.map((run) => [
    shownId(run.id, width),
    run.status,
    run.workflow,
    shortName(run.title ?? run.group ?? ""),
    ...(hasAttempts ? [String(run.attemptCount)] : []),
    shortDuration(now - Date.parse(run.acceptedAt)),
    shortText(reasonOf(run)),
  ]);
  const name = runs.some(({ title }) => title !== undefined) ? "TITLE" : "GROUP";
  const heading = ["RUN", "STATUS", "WORKFLOW", name, ...(hasAttempts ? ["ATTEMPTS"] : []), "AGE", "REASON"];
  return table(heading, rows, width);
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
  // A service of an earlier version has no logs.
  const hasLog = await client.logs(said.id, { limit: "1" }).then(
    (page) => page.said.lines.length > 0,
    () => false,
  );
  const turn = await turnOf(client, said);
  const parts = [facts(said, { hasLog, turn }), attempts(said), sent(said), steps(said), actions(said)];
  process.stdout.write(parts.filter(Boolean).join("\n"));
}

/** What a queued run that is due waits for; undefined if it is about to start. */
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
    ["title", run.title],
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
    // While the run is running, its reason is that of the attempt before.
    [run.status === "waiting" ? "waits for" : "reason", run.status === "running" ? undefined : run.reason],
    ["superseded by", run.supersededBy],
    ["superseded", run.superseded.join(" ") || undefined],
    ["token", run.ownToken ? "from the request: attempted once, cannot be re-run" : undefined],
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

/** What the attempts changed at GitHub. */
function sent(run: RunDetailShown): string {
  const rows = run.attempts.flatMap(({ number, sent: its }) =>
    (its?.requests ?? []).map((each) => [
      each.at,
      String(number),
      each.method,
      shortName(each.path),
      each.heldBack ? "held back" : String(each.status ?? "no answer"),
      each.identity ?? "",
      shortText(each.body ?? ""),
    ]),
  );
  if (rows.length === 0) return "";
  const more = run.attempts.reduce((sum, { sent: its }) => sum + (its ? its.count - its.requests.length : 0), 0);
  const heading = ["SENT", "ATTEMPT", "METHOD", "PATH", "STATUS", "AS", "BODY"];
  return table(heading, rows, process.stdout.columns) + (more > 0 ? `And ${more} more, which were not stored.\n` : "");
}

/** A line of a stack trace. Frames are indented. */
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

/** A wait without an end may have lost a race. */
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
