import { problemsIn } from "../model/problems.ts";
import type { Json } from "../model/run.ts";
import type { RunDetail } from "../model/store.ts";
import type { Schema } from "../model/triggers.ts";
import { oneLine, visible } from "../model/visible.ts";
import { startApp } from "../service/app.ts";
import type { Config } from "../service/config/config.ts";
import type { AppOptions } from "../service/ground.ts";

/** Longer than any run should take that somebody waits for at a terminal. */
const WAIT_MS = 24 * 3_600_000;

/**
 * Executes a workflow once in this process, as the service would. Its history is gone with the process.
 * @param options.waitForLimits whether a limit of GitHub is waited for, and the workflow attempted again.
 */
export async function runHere(
  config: Config,
  workflow: string,
  input: Json,
  { waitForLimits, dryRun }: { waitForLimits: boolean; dryRun: AppOptions["dryRun"] },
): Promise<RunDetail> {
  const logTo = { write: (line: string) => void process.stderr.write(visible(line)) };
  const first = Promise.withResolvers<unknown>();
  const app = await startApp(config, { closed: true, logTo, settled: first.resolve, ...(dryRun && { dryRun }) });
  try {
    return await app.start(workflow, input, WAIT_MS, waitForLimits ? undefined : first.promise);
  } finally {
    await app.close();
  }
}

export type DryWrite = Parameters<NonNullable<AppOptions["dryRun"]>>[0];

/** What a dry run would have sent, in the form of HTTP, with the whole URL in the first line. */
export function asMessage({ method, url, headers, body }: DryWrite): string {
  const lines = Object.entries(headers).map(([name, value]) => oneLine(`${name}: ${value}`));
  return [`${method} ${url}`, ...lines, "", ...(body === null ? [] : [visible(body), ""])].join("\n");
}

/** The body that a workflow is given, or what its schema does not like about it. */
export function bodyFor(
  schema: Schema<unknown>,
  given: unknown,
): { readonly body: Json } | { readonly problems: string } {
  const read = schema.safeParse(given);
  if (read.success) return { body: read.data as Json };
  return { problems: `${problemsIn(read.error, { whole: "body" }).join("; ")}.` };
}
