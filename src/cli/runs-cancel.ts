import { CommandError } from "./command.ts";
import { brief, carriedOut, confirm, type Done, foundRuns, printResults, withResult } from "./runs-bulk.ts";
import { bulkQuery, type FilterOptions, isFilter, isNarrow } from "./runs-filter.ts";
import { serviceClient } from "./service-client.ts";

export type CancelOptions = FilterOptions & {
  readonly yes?: true;
  readonly json?: true;
};

/** Cancels one run, or all unfinished runs that match the filters. */
export async function cancelRuns(id: string | undefined, options: CancelOptions): Promise<void> {
  const isMeant = id === undefined ? isNarrow(options) : !isFilter(options);
  if (!isMeant)
    throw new CommandError("Name the runs: give the id of one run, or use --workflow, --group, --text or --since.");
  return id === undefined ? cancelAll(options) : cancelOne(id, options);
}

async function cancelOne(id: string, { json }: CancelOptions): Promise<void> {
  const client = serviceClient();
  const { text, said } = await client.cancel(await client.idOf(id));
  const isCancelled = said.status === "cancelled";
  process.stdout.write(json ? `${text}\n` : `${said.id} is ${isCancelled ? "cancelled" : CANCELLING}\n`);
  if (!isCancelled) process.exitCode = 1;
}

const CANCELLING = "being cancelled, but its process has not confirmed that yet";

/** Runs that have not started come first, so that none of them starts when another one ends. */
async function cancelAll({ yes, json, ...filter }: CancelOptions): Promise<void> {
  const query = bulkQuery(filter, "all unfinished runs that match are cancelled");
  const client = serviceClient();
  const runs = await foundRuns(client, ["queued", "waiting", "running"], query);
  if (runs.length > 0 && !yes) await confirm("Cancel", runs.length, "cancelled");
  const cancel = async (run: { readonly id: string }) => (await client.cancel(run.id)).said;
  const all = await carriedOut(runs, "cancelling", cancel, ({ status }) => status === 409);
  const isConfirmed = ({ run }: Done) => run.status === "cancelled";
  const done = withResult(all, "done");
  const [cancelled, cancelling] = [done.filter(isConfirmed), done.filter((each) => !isConfirmed(each))];
  const [notNeeded, failed] = [withResult(all, "not needed"), withResult(all, "failed")];
  if (json) {
    const told = {
      cancelled: cancelled.map(({ run }) => run),
      cancelling: cancelling.map(({ run }) => run),
      notNeeded: notNeeded.map(brief),
      failed: failed.map(brief),
    };
    process.stdout.write(`${JSON.stringify(told)}\n`);
  } else {
    const word = (each: Done) => (each.result !== "done" ? each.result : isConfirmed(each) ? "cancelled" : "not yet");
    printResults([cancelled, cancelling, notNeeded, failed].flat(), "CANCEL", word);
    const still = cancelling.length > 0 ? `${cancelling.length} not yet, ` : "";
    process.stdout.write(
      `${cancelled.length} cancelled, ${still}${notNeeded.length} not needed, ${failed.length} failed\n`,
    );
  }
  if (cancelling.length > 0 || failed.length > 0) process.exitCode = 1;
}
