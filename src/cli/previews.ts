import { type Command, Option } from "commander";
import type { PreviewPageShown } from "../http/previews-schemas.ts";
import { PREVIEW_RESULTS } from "../model/chain.ts";
import { JSON_OPTION } from "./command.ts";
import { shortDuration, shortName, shortText, shownId, table } from "./terminal.ts";

export function previewsCommand(program: Command): void {
  program
    .command("previews [application]")
    .description("list the newest preview of each application, or all of one, with the result of its tests")
    .addOption(new Option("--result <result>", "only with this result").choices(PREVIEW_RESULTS))
    .option("--text <text>", "only applications with this in their name")
    .option("--limit <number>", "up to N: 1 to 100, 20 without it")
    .option("--cursor <cursor>", "continue where an earlier list ended")
    .option(...JSON_OPTION)
    .action(listPreviews);
}

type ListOptions = { json?: true } & Partial<Record<"result" | "text" | "limit" | "cursor", string>>;

/** Prints previews, newest first. */
async function listPreviews(application: string | undefined, { json, ...query }: ListOptions): Promise<void> {
  const { serviceClient } = await import("./service-client.ts");
  const { text, said } = await serviceClient().previews({ application, ...query });
  if (json) return void process.stdout.write(`${text}\n`);
  const now = Date.now();
  const rows = said.previews.map((preview) => [
    shortName(preview.application),
    preview.result.replaceAll("_", " "),
    shortName(commitOf(preview)),
    preview.pullRequest === undefined ? "" : `#${preview.pullRequest.number}`,
    shownId((preview.tests ?? preview.environment)?.id ?? "", process.stdout.columns),
    shortDuration(now - Date.parse(preview.receivedAt)),
    shortText(preview.reason ?? ""),
  ]);
  const heading = ["APPLICATION", "RESULT", "COMMIT", "PULL", "RUN", "AGE", "REASON"];
  process.stdout.write(table(heading, rows, process.stdout.columns));
  if (said.next !== undefined) process.stderr.write(`There are more: --cursor ${said.next}\n`);
}

/** A hash as people write it; a tag as it is. */
function commitOf({ commit }: PreviewPageShown["previews"][number]): string {
  return commit === undefined ? "" : commit.name === commit.sha ? commit.name.slice(0, 7) : commit.name;
}
