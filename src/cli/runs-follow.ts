import type { RunDetailShown, RunShown } from "../http/runs-schemas.ts";
import { isOpen } from "../model/run.ts";
import { oneLine } from "../model/visible.ts";
import { CommandError } from "./command.ts";
import { type ServiceClient, serviceClient } from "./service-client.ts";
import { type Progress, progress, shortName, shortText } from "./terminal.ts";

type Query = Readonly<Record<string, string | undefined>>;

/** Prints a line per change of a run, oldest first, until Ctrl-C. With `json`, a line is the run as JSON. */
export async function followRuns({ limit = "20", ...query }: Query, json: true | undefined): Promise<void> {
  const client = serviceClient();
  const known = new Map<string, RunShown>();
  let first = true;
  endOnInterrupt();
  await poll(
    async () => {
      const runs = first ? (await client.list({ ...query, limit })).said.runs : await changesOf(client, query, known);
      first = false;
      for (const run of runs.toReversed()) {
        if (stateOf(known.get(run.id)) === stateOf(run)) continue;
        known.set(run.id, run);
        process.stdout.write(json ? `${JSON.stringify(run)}\n` : lineOf(run));
      }
      forgetEnded(known);
      return "again";
    },
    { progress: progress(), waiting: (seconds) => `following, ${seconds} s; Ctrl-C ends` },
  );
}

/** Pages of new runs to read each time. If there are more, the oldest runs are not shown. */
const MAX_PAGES = 10;
/** Ended runs to remember, so that a list that begins with them is recognised. */
const MAX_KNOWN = 1000;

/** The runs that are new since the last look, and the changes of unfinished runs; newest first. */
async function changesOf(
  client: ServiceClient,
  query: Query,
  known: ReadonlyMap<string, RunShown>,
): Promise<RunShown[]> {
  const found: RunShown[] = [];
  let cursor: string | undefined;
  for (let page = 0; page < MAX_PAGES; page++) {
    const { said } = await client.list({ ...query, limit: "100", cursor });
    found.push(...said.runs);
    cursor = said.next;
    if (cursor === undefined || known.size === 0 || said.runs.some(({ id }) => known.has(id))) break;
  }
  const seen = new Set(found.map(({ id }) => id));
  const unfinished = [...known.values()].filter((run) => !hasEnded(run) && !seen.has(run.id));
  for (const { id } of unfinished) found.push((await client.show(id)).said);
  return found;
}

function forgetEnded(known: Map<string, RunShown>): void {
  for (const [id, run] of known) {
    if (known.size <= MAX_KNOWN) return;
    if (hasEnded(run)) known.delete(id);
  }
}

/**
 * Prints what happens to one run until it ends. If a newer run supersedes it, follows that one. Exit code 1 if it
 * failed or was cancelled, otherwise 0.
 */
export async function followRun(id: string, json: true | undefined): Promise<void> {
  const client = serviceClient();
  let followed = await client.idOf(id);
  let shown = 0;
  let state: string | undefined;
  let latest: RunDetailShown | undefined;
  await poll(
    async () => {
      const { text, said } = await client.show(followed);
      latest = said;
      for (const { number, outcome, reason, endedAt } of said.attempts.filter((each) => each.number > shown)) {
        shown = number;
        // The line of the run says what it waits for.
        if (!json && outcome !== "waiting") say(endedAt, `attempt ${number} ${outcome}`, reason);
      }
      if (!json && stateOf(said) !== state) say(new Date().toISOString(), said.status, whyOf(said));
      state = stateOf(said);
      if (!hasEnded(said)) return "again";
      if (said.status === "superseded" && said.supersededBy !== undefined) {
        followed = said.supersededBy;
        shown = 0;
        return "again";
      }
      if (json) process.stdout.write(`${text}\n`);
      return "done";
    },
    { progress: progress(), waiting: (seconds) => waitingFor(latest, seconds) },
  );
  if (latest && isBadEnd(latest)) process.exitCode = 1;
}

/** Whether a run ended with failure or was cancelled. */
export function isBadEnd({ status }: RunShown): boolean {
  return status === "failure" || status === "cancelled";
}

function waitingFor(run: RunDetailShown | undefined, seconds: number): string {
  const next = run?.dueAt === undefined ? "" : `, next attempt at ${run.dueAt}`;
  return `${run?.id ?? ""} is ${run?.status ?? "looked up"}${next}; ${seconds} s`;
}

/** Whether a run has ended, including its clean-up after a cancel. */
export function hasEnded({ status, cleaningUp }: RunShown): boolean {
  return !cleaningUp && !isOpen({ status });
}

/** A change of this text prints a new line. */
const stateOf = (run: RunShown | undefined): string | undefined => {
  if (!run) return undefined;
  // A waiting run may check every minute for days.
  const turn = run.status === "waiting" ? run.reason : `${run.attemptCount} ${run.dueAt}`;
  return `${run.status} ${turn}`;
};

/** The reason for a run's status, and what comes next. */
export function whyOf({ reason, supersededBy, dueAt, status }: RunShown): string | undefined {
  if (supersededBy !== undefined) return `by ${supersededBy}`;
  // The reason is that of the attempt before.
  if (status === "running") return undefined;
  if (dueAt === undefined) return reason;
  return reason === undefined ? `due ${dueAt}` : `due ${dueAt}: ${reason}`;
}

function lineOf(run: RunShown): string {
  const at = run.endedAt ?? run.startedAt ?? run.acceptedAt;
  const facts = [
    at,
    run.id,
    run.status,
    run.workflow,
    shortName(run.title ?? run.group ?? "-"),
    `attempt ${run.attemptCount}`,
  ];
  return `${[...facts, shortText(whyOf(run) ?? "")].map(oneLine).join("  ").trimEnd()}\n`;
}

function say(at: string, what: string, why: string | undefined): void {
  process.stdout.write(`${at}  ${what}${why === undefined ? "" : `  ${oneLine(shortText(why))}`}\n`);
}

/** Ctrl-C is the usual way to stop following a list, so it is no failure. */
export function endOnInterrupt(): void {
  process.once("SIGINT", () => {
    progress().clear();
    process.exit(0);
  });
}

/** Often enough for a person who watches, and rarely enough for the service. */
const POLL_MS = 1000;

/**
 * Calls `look` until it returns "done". After the first answer, waits through outages of the service. Other errors are
 * thrown.
 */
export async function poll(
  look: () => Promise<"done" | "again">,
  { waiting, progress }: { waiting: (seconds: number) => string; progress: Progress },
): Promise<void> {
  const started = Date.now();
  let answered = false;
  for (;;) {
    let state = waiting(Math.round((Date.now() - started) / 1000));
    try {
      if ((await look()) === "done") return;
      answered = true;
    } catch (error) {
      const mayPass = error instanceof CommandError && (error.status === undefined || error.status >= 500);
      if (!answered || !mayPass) throw error;
      state = error.message;
    }
    progress.show(state);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    progress.clear();
  }
}
