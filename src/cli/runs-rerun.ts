import { CommandError } from "./command.ts";
import { brief, carriedOut, confirm, foundRuns, printResults, withResult } from "./runs-bulk.ts";
import { bulkQuery, type FilterOptions, isFilter, isNarrow, isRecent } from "./runs-filter.ts";
import { serviceClient } from "./service-client.ts";

export type RerunOptions = FilterOptions & {
  readonly failed?: true;
  readonly yes?: true;
  readonly evenIfOlder?: boolean;
  readonly from?: "start" | "failure";
  /** JSON. */
  readonly input?: string;
  readonly json?: true;
};

/** Re-runs one ended run, or with `failed` every failed run that matches the filters. */
export async function rerunRuns(id: string | undefined, options: RerunOptions): Promise<void> {
  const { failed, evenIfOlder, input } = options;
  const isBulk = failed || isFilter(options);
  if (id !== undefined && !isBulk) return rerunOne(id, options);
  if (evenIfOlder) throw new CommandError("--even-if-older is for one run: give its id.");
  if (input !== undefined) throw new CommandError("--input is for one run: give its id.");
  if (id === undefined && failed && isNarrow(options)) return rerunFailed(options);
  throw new CommandError(
    "Name the runs: give the id of one run, or use --failed with a filter, such as --failed --since 2h.",
  );
}

async function rerunOne(id: string, { evenIfOlder, from, input, json }: RerunOptions): Promise<void> {
  if (input !== undefined && (evenIfOlder || from !== undefined)) {
    throw new CommandError("--input starts a new run from its start: leave out --from and --even-if-older.");
  }
  const client = serviceClient();
  const query = { evenIfOlder, from, input: input === undefined ? undefined : inputIn(input) };
  const { text, said } = await client.rerun(await client.idOf(id), query);
  process.stdout.write(json ? `${text}\n` : `${said.id} is ${said.status}\n`);
}

function inputIn(text: string): object {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null) return value;
  } catch {}
  throw new CommandError(`--input must be JSON, such as '{"application":"pr-1234"}'.`);
}

async function rerunFailed({ from, json, yes, failed: _, ...filter }: RerunOptions): Promise<void> {
  const query = bulkQuery(filter, "--failed already selects it");
  const client = serviceClient();
  const runs = await foundRuns(client, ["failure"], query);
  // Without a time, the filter covers the whole history, which is a month.
  if (runs.length > 0 && !isRecent(filter) && !yes) await confirm("Re-run", runs.length, "re-run");
  // Newest first: if only one run of a group can wait, it is the newest one.
  const again = async ({ id }: { readonly id: string }) => (await client.rerun(id, { from })).said;
  const all = await carriedOut(runs, "re-running", again, ({ notNeeded }) => notNeeded);
  const [queued, notNeeded] = [withResult(all, "done"), withResult(all, "not needed")];
  const [rejected, failed] = [withResult(all, "rejected"), withResult(all, "failed")];
  if (json) {
    const told = {
      rerun: queued.map(({ run }) => run),
      notNeeded: notNeeded.map(brief),
      rejected: rejected.map(brief),
      failed: failed.map(brief),
    };
    process.stdout.write(`${JSON.stringify(told)}\n`);
  } else {
    const inOrder = [queued, notNeeded, rejected, failed].flat();
    printResults(inOrder, "RERUN", ({ result }) => (result === "done" ? "queued" : result));
    const counts = `${queued.length} re-run, ${notNeeded.length} not needed, ${rejected.length} rejected, ${failed.length} failed`;
    process.stdout.write(`${counts}\n`);
  }
  if (rejected.length > 0) {
    const what = rejected.length === 1 ? "run was rejected and needs" : "runs were rejected and need";
    process.stderr.write(
      `${rejected.length} ${what} your action before a re-run: see ${json ? "the reason" : "REASON"} of each.\n`,
    );
  }
  if (rejected.length > 0 || failed.length > 0) process.exitCode = 1;
}
