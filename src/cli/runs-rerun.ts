import type { RunShown } from "../http/runs-schemas.ts";
import { CommandError } from "./command.ts";
import { type ServiceClient, serviceClient } from "./service-client.ts";
import { parseDuration, progress, shortName, shortText, table } from "./terminal.ts";

export type RerunOptions = {
  readonly failed?: true;
  readonly since?: string;
  readonly evenIfOlder?: boolean;
  readonly json?: true;
};

/** Queues one ended run again, or with `failed` every failed one that was accepted within the duration `since`. */
export async function rerunRuns(id: string | undefined, options: RerunOptions): Promise<void> {
  const { failed, since, evenIfOlder, json } = options;
  if (id !== undefined && !failed && since === undefined) return rerunOne(id, options);
  if (evenIfOlder) throw new CommandError("--even-if-older is for one run: give its id.");
  if (id === undefined && failed && since !== undefined) return rerunFailed(Date.now() - parseDuration(since), json);
  throw new CommandError("Say which: either the id of a run, or --failed with --since, such as --failed --since 2h.");
}

async function rerunOne(id: string, { evenIfOlder = false, json }: RerunOptions): Promise<void> {
  const client = serviceClient();
  const { text, said } = await client.rerun(await client.idOf(id), { evenIfOlder });
  process.stdout.write(json ? `${text}\n` : `${said.id} is ${said.status}\n`);
}

async function rerunFailed(acceptedSince: number, json: true | undefined): Promise<void> {
  const client = serviceClient();
  const reruns = await rerunAll(client, await failedRuns(client, acceptedSince));
  const of = (result: Rerun["result"]) => reruns.filter((each) => each.result === result);
  const [queued, notNeeded, refused, failed] = [of("queued"), of("not needed"), of("refused"), of("failed")];
  if (json) {
    const brief = ({ run, reason }: Rerun) => ({ id: run.id, reason });
    const told = {
      rerun: queued.map(({ run }) => run),
      notNeeded: notNeeded.map(brief),
      refused: refused.map(brief),
      failed: failed.map(brief),
    };
    process.stdout.write(`${JSON.stringify(told)}\n`);
  } else {
    const rows = [queued, notNeeded, refused, failed]
      .flat()
      .map(({ run, result, reason }) => [run.id, result, run.workflow, shortName(run.group ?? ""), shortText(reason)]);
    if (rows.length > 0) {
      process.stdout.write(table(["RUN", "RERUN", "WORKFLOW", "GROUP", "REASON"], rows, process.stdout.columns));
    }
    const counts = `${queued.length} re-run, ${notNeeded.length} not needed, ${refused.length} refused, ${failed.length} failed`;
    process.stdout.write(`${counts}\n`);
  }
  if (refused.length > 0) {
    const [were, are] = refused.length === 1 ? ["run was", "is"] : ["runs were", "are"];
    process.stderr.write(
      `${refused.length} ${were} refused, and ${are} not re-run unless you act: ${json ? "its reason" : "REASON"} says how.\n`,
    );
  }
  if (refused.length > 0 || failed.length > 0) process.exitCode = 1;
}

/** All of them are found before any is re-run, since a re-run one is no failed one any more. */
async function failedRuns(client: ServiceClient, acceptedSince: number): Promise<RunShown[]> {
  const found: RunShown[] = [];
  let cursor: string | undefined;
  do {
    const { said } = await client.list({ status: "failure", limit: "100", cursor });
    const recent = said.runs.filter((run) => Date.parse(run.acceptedAt) >= acceptedSince);
    found.push(...recent);
    cursor = recent.length === said.runs.length ? said.next : undefined;
  } while (cursor !== undefined);
  return found;
}

type Rerun = {
  readonly run: RunShown;
  readonly result: "queued" | "not needed" | "refused" | "failed";
  readonly reason: string;
};

/** Newest first: when only one run of a group can wait, it is the newest one. */
async function rerunAll(client: ServiceClient, runs: readonly RunShown[]): Promise<readonly Rerun[]> {
  const reruns: Rerun[] = [];
  const shown = progress();
  let unreachable: CommandError | undefined;
  for (const [at, run] of runs.entries()) {
    shown.show(`re-running ${at + 1} of ${runs.length}`);
    try {
      if (unreachable) throw unreachable;
      reruns.push({ run: (await client.rerun(run.id)).said, result: "queued", reason: "" });
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      if (error.status === undefined) unreachable = error;
      const result = error.notNeeded ? "not needed" : error.status === 409 ? "refused" : "failed";
      reruns.push({ run, result, reason: error.message });
    }
  }
  shown.clear();
  return reruns;
}
