import { oneLine } from "../model/visible.ts";
import { ConfigError } from "../service/config/config.ts";
import { dispatchOnce } from "../service/dispatch-once.ts";
import type { RunOnce } from "../service/run-once.ts";
import { CommandError } from "./command-error.ts";
import { asMessage } from "./held-back.ts";

export type DispatchOptions = { readonly revision?: string; readonly dryRun?: true; readonly json?: true };

/** Does the job for one application, and prints what became of it. Exit code 1 when it failed. */
export async function dispatch(application: string, { revision, dryRun, json }: DispatchOptions): Promise<void> {
  const { outcome, heldBack, config } = await dispatchOnce(
    { application, ...(revision === undefined ? {} : { revision }) },
    { dryRun: dryRun === true },
  ).catch((error) => {
    if (!(error instanceof ConfigError)) throw error;
    throw new CommandError(error.message, { cause: error });
  });
  if (json) {
    process.stdout.write(`${JSON.stringify(asJson(outcome, dryRun && heldBack))}\n`);
    if (outcome.status === "failure") process.exitCode = 1;
    return;
  }
  if (outcome.status === "failure") {
    const again = outcome.kind === "limit" ? " This command does not wait for it: run it again then." : "";
    throw new CommandError(oneLine(outcome.reason + again));
  }
  if (outcome.status === "skipped") {
    process.stdout.write(`skipped: ${oneLine(outcome.reason)}\n`);
    return;
  }
  const { commitHash } = outcome.outputs as { commitHash: string };
  const what = `${config.eventType} for ${application} with commit ${commitHash} to ${config.targetRepo}`;
  process.stdout.write(
    dryRun ? `${heldBack.map(asMessage).join("\n")}\nnot sent: ${oneLine(what)}\n` : `sent: ${oneLine(what)}\n`,
  );
}

type HeldBack = RunOnce["heldBack"];

function asJson(outcome: RunOnce["outcome"], requests: HeldBack | undefined): object {
  const dry = requests ? { dryRun: true, requests } : {};
  if (outcome.status === "success") return { status: outcome.status, ...(outcome.outputs as object), ...dry };
  if (outcome.status === "skipped") return { ...outcome, ...dry };
  const { status, reason, kind, notBefore } = outcome;
  return { status, reason, kind, ...(notBefore === undefined ? {} : { notBefore: timeOf(notBefore) }), ...dry };
}

function timeOf(epochMs: number): string {
  return new Date(epochMs).toISOString();
}
