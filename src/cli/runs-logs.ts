import type { LinesShown } from "../http/run-log-schemas.ts";
import type { RunShown } from "../http/runs-schemas.ts";
import { lineText } from "../model/line-text.ts";
import { isAtLeast, type LogLevel } from "../model/run.ts";
import { oneLine } from "../model/visible.ts";
import { CommandError } from "./command.ts";
import { endOnInterrupt, hasEnded, isBadEnd, poll, whyOf } from "./runs-follow.ts";
import { type ServiceClient, serviceClient } from "./service-client.ts";
import { progress, shortText } from "./terminal.ts";

type LogsOptions = {
  readonly follow?: true;
  readonly json?: true;
  readonly attempt?: string;
  readonly level?: LogLevel;
};

type Line = LinesShown["lines"][number];

/**
 * Prints the log lines of a run, oldest first. With `json`, a line is one of the API's lines as JSON.
 * @param options.follow continues until the run ends, across attempts and waits, and with the run that replaces it. The
 *   exit code is then 1 if the run failed or was cancelled.
 */
export async function printLogs(id: string, options: LogsOptions): Promise<void> {
  const attempt = options.attempt === undefined ? undefined : attemptIn(options.attempt);
  const client = serviceClient();
  const run = await client.idOf(id);
  const print = printing(options, attempt);
  if (options.follow) return followLogs(client, run, print, options.json);
  await print(client, run);
  if (print.printed() > 0 || options.json) return;
  const { said } = await client.show(run);
  process.stderr.write(`${noLines(said, attempt, options.level)}\n`);
}

function attemptIn(text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new CommandError(`--attempt takes the number of an attempt, such as 2, got ${JSON.stringify(text)}.`);
}

function noLines({ id, status, attemptCount }: RunShown, attempt?: number, level?: LogLevel): string {
  if (attempt !== undefined && attempt > attemptCount) {
    return `Run ${id} has ${attemptCount} ${attemptCount === 1 ? "attempt" : "attempts"}, and is ${status}.`;
  }
  const what = attempt === undefined ? `Run ${id}` : `Attempt ${attempt} of run ${id}`;
  const which =
    level === undefined || level === "debug" ? "" : ` of level ${level}${level === "error" ? "" : " or above"}`;
  return `${what} wrote no lines${which}. The run is ${status}. For more: gh-runner runs show ${id}`;
}

/** Prints the lines of a run that were not printed yet. */
function printing({ json, level = "debug" }: LogsOptions, wanted: number | undefined) {
  const isWanted = isAtLeast(level);
  let [latest, printed] = [wanted ?? 1, 0];
  let after: string | undefined = wanted === undefined ? undefined : `${wanted}.0`;
  let of: string | undefined;

  function write(line: Line): void {
    printed++;
    if (json) return void process.stdout.write(`${JSON.stringify(line)}\n`);
    if (line.attempt !== latest) process.stdout.write(`--- attempt ${line.attempt}\n`);
    latest = line.attempt;
    process.stdout.write(lineText({ ...line, at: Date.parse(line.at), facts: line.facts as never }));
  }

  async function print(client: ServiceClient, run: string): Promise<void> {
    if (of !== undefined && run !== of) [after, latest] = [undefined, 1];
    of = run;
    for (;;) {
      const { lines, next } = (await client.logs(run, { after })).said;
      const those = wanted === undefined ? lines : lines.filter(({ attempt }) => attempt === wanted);
      for (const line of those) if (isWanted(line)) write(line);
      after = next;
      if (lines.length === 0 || those.length < lines.length) return;
    }
  }

  return Object.assign(print, { printed: () => printed });
}

async function followLogs(
  client: ServiceClient,
  id: string,
  print: ReturnType<typeof printing>,
  json: true | undefined,
): Promise<void> {
  let followed = id;
  let state: string | undefined;
  let latest: RunShown | undefined;
  const say = (run: RunShown) => {
    const why = whyOf(run);
    const now = `${run.status}${why === undefined ? "" : `: ${oneLine(shortText(why))}`}`;
    // New log lines already show that a run is running.
    if (!json && now !== state && run.status !== "running") process.stdout.write(`--- ${now}\n`);
    state = now;
  };
  endOnInterrupt();
  await poll(
    async () => {
      // The run is read before its lines: when it has ended, all of its lines are there.
      const [run] = (await client.list({ id: followed, limit: "1" })).said.runs;
      if (!run) await client.show(followed);
      latest = run;
      await print(client, followed);
      if (!run) return "again";
      say(run);
      if (!hasEnded(run)) return "again";
      if (run.status !== "superseded" || run.supersededBy === undefined) return "done";
      followed = run.supersededBy;
      return "again";
    },
    { progress: progress(), waiting: (seconds) => `${followed} is ${latest?.status ?? "looked up"}; ${seconds} s` },
  );
  if (latest && isBadEnd(latest)) process.exitCode = 1;
}
