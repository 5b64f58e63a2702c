import { type Command, Option } from "commander";
import type { PreviewPageShown } from "../http/previews-schemas.ts";
import { PREVIEW_RESULTS } from "../model/chain.ts";
import { examples, JSON_OPTION, SERVICE_HELP } from "./command.ts";
import { shortDuration, shortName, shortText, shownId, table } from "./terminal.ts";

export function previewsCommand(program: Command): void {
  program
    .command("previews")
    .description("List previews and the results of their tests")
    .argument("[application]", "All previews of this application (default: the newest of each one)")
    .addOption(new Option("--result <result>", "Only previews with this result").choices(PREVIEW_RESULTS))
    .option("--text <text>", "Only applications whose name contains this text")
    .option("--limit <number>", "Show up to this many: 1 to 100 (default: 20)")
    .option("--cursor <cursor>", "Continue an earlier list, with the cursor that it printed")
    .option(...JSON_OPTION)
    .addHelpText(
      "after",
      examples(
        ["List all previews of the application pr-1234", "gh-runner previews pr-1234"],
        ["List the previews whose tests did not start", "gh-runner previews --result nothing_started"],
      ),
    )
    .addHelpText("after", SERVICE_HELP)
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
  if (rows.length === 0) process.stderr.write("There are no such previews.\n");
  if (said.next !== undefined) process.stderr.write(`There are more: --cursor ${said.next}\n`);
}

/** A hash in its short form; a tag unchanged. */
function commitOf({ commit }: PreviewPageShown["previews"][number]): string {
  return commit === undefined ? "" : commit.name === commit.sha ? commit.name.slice(0, 7) : commit.name;
}
