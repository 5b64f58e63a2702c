import { createInterface } from "node:readline/promises";
import type { RunShown } from "../http/runs-schemas.ts";
import { CommandError } from "./command.ts";
import type { filterQuery } from "./runs-filter.ts";
import type { ServiceClient } from "./service-client.ts";
import { progress, shortName, shortText, table } from "./terminal.ts";

/** Actions on many runs, one after the other, and their results. */

/**
 * The runs with these statuses, newest first per status. Finds all of them before any action, because an action changes
 * the status.
 */
export async function foundRuns(
  client: ServiceClient,
  statuses: readonly string[],
  filter: ReturnType<typeof filterQuery>,
): Promise<readonly RunShown[]> {
  const found: RunShown[] = [];
  for (const status of statuses) {
    let cursor: string | undefined;
    do {
      const { said } = await client.list({ ...filter, status, limit: "100", cursor });
      found.push(...said.runs);
      cursor = said.next;
    } while (cursor !== undefined);
  }
  return found;
}

/**
 * Asks for confirmation before several runs change.
 * @param verb `Cancel`.
 * @throws CommandError without a yes.
 */
export async function confirm(verb: string, count: number, done: string): Promise<void> {
  const runs = count === 1 ? "1 run" : `${count} runs`;
  if (!process.stdin.isTTY) throw new CommandError(`This ${verb.toLowerCase()}s ${runs}: add --yes to do it.`);
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const answer = await terminal.question(`${verb} ${runs}? [y/N] `);
  terminal.close();
  if (!/^y(es)?$/i.test(answer.trim())) throw new CommandError(`Nothing was ${done}.`);
}

export type Done = {
  /** The run after the action, or before it if nothing was done. */
  readonly run: RunShown;
  readonly result: "done" | "not needed" | "rejected" | "failed";
  readonly reason: string;
};

/**
 * Does something with each run. Stops when the service can no longer be reached.
 * @param doing `re-running`.
 * @param isNotNeeded whether an answer means that there is nothing to do.
 */
export async function carriedOut(
  runs: readonly RunShown[],
  doing: string,
  act: (run: RunShown) => Promise<RunShown>,
  isNotNeeded: (error: CommandError) => boolean,
): Promise<readonly Done[]> {
  const all: Done[] = [];
  const shown = progress();
  let unreachable: CommandError | undefined;
  for (const [at, run] of runs.entries()) {
    shown.show(`${doing} ${at + 1} of ${runs.length}`);
    try {
      if (unreachable) throw unreachable;
      all.push({ run: await act(run), result: "done", reason: "" });
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      if (error.status === undefined) unreachable = error;
      const result = isNotNeeded(error) ? "not needed" : error.status === 409 ? "rejected" : "failed";
      all.push({ run, result, reason: error.message });
    }
  }
  shown.clear();
  return all;
}

/** Prints a line per run: its id, the result, and the reason. */
export function printResults(all: readonly Done[], heading: string, wordOf: (done: Done) => string): void {
  if (all.length === 0) return;
  const rows = all.map((each) => {
    const { run, reason } = each;
    return [run.id, wordOf(each), run.workflow, shortName(run.group ?? ""), shortText(reason)];
  });
  process.stdout.write(table(["RUN", heading, "WORKFLOW", "GROUP", "REASON"], rows, process.stdout.columns));
}

export function withResult(all: readonly Done[], result: Done["result"]): readonly Done[] {
  return all.filter((each) => each.result === result);
}

export const brief = ({ run, reason }: Done) => ({ id: run.id, reason });
