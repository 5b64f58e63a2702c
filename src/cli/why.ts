import type { Command } from "commander";
import type { EventsPageShown, WhyShown } from "../http/events-schemas.ts";
import { oneLine } from "../model/visible.ts";
import { saidOf } from "../model/why/facts.ts";
import { examples, JSON_OPTION, SERVICE_HELP } from "./command.ts";
import { inUtc } from "./runs-filter.ts";
import { shortDuration, shortName, shortText, table } from "./terminal.ts";

export function whyCommands(program: Command): void {
  program
    .command("why")
    .description("Explain why an event started nothing")
    .argument("<text...>", "An application, repository, pull request, commit or workflow")
    .option(...JSON_OPTION)
    .addHelpText(
      "after",
      examples(
        ["Explain why the application pr-1234 was not tested", "gh-runner why pr-1234"],
        ["Explain why a pull request started nothing", "gh-runner why acme/shop#7"],
      ),
    )
    .addHelpText("after", SERVICE_HELP)
    .action(why);
  program
    .command("events")
    .description("List events that started no run, and rejected requests")
    .argument("[text...]", "Only those that match this search, such as repo:acme/shop since:2h")
    .option("--limit <number>", "Show up to this many events: 1 to 100 (default: 50)")
    .option("--cursor <cursor>", "Continue an earlier list, with the cursor that it printed")
    .option(...JSON_OPTION)
    .addHelpText(
      "after",
      examples(
        ["List the newest events that started no run", "gh-runner events"],
        ["List those of a repository in the last two hours", "gh-runner events repo:acme/shop since:2h"],
      ),
    )
    .addHelpText("after", SERVICE_HELP)
    .action(listEvents);
}

/** Prints the answer and what to do next. Exit code 1 if no run and no event is known. */
async function why(words: readonly string[], { json }: { json?: true }): Promise<void> {
  const { serviceClient } = await import("./service-client.ts");
  const { text, said } = await serviceClient().why({ text: inUtc(words.join(" ")) });
  process.stdout.write(json ? `${text}\n` : answer(said));
  if (!said.isKnown) process.exitCode = 1;
}

function answer({ answer, findings }: WhyShown): string {
  const { known, others } = saidOf(answer, findings);
  const blocks = [{ ...known, text: answer }, ...others].map(({ text, link, command }) =>
    [
      oneLine(text),
      // The command line does not know the address of the service's page, so it leaves out paths.
      ...(link === undefined || link.href.startsWith("/") ? [] : [`  ${oneLine(link.href)}`]),
      ...(command === undefined ? [] : [`  ${oneLine(command)}`]),
    ].join("\n"),
  );
  return `${blocks.join("\n\n")}\n`;
}

type ListOptions = { json?: true } & Partial<Record<"limit" | "cursor", string>>;

/** Prints events and rejected requests, newest first. */
async function listEvents(words: readonly string[], { json, ...query }: ListOptions): Promise<void> {
  const { serviceClient } = await import("./service-client.ts");
  const asked = words.length > 0 ? { text: inUtc(words.join(" ")) } : {};
  const { text, said } = await serviceClient().events({ ...asked, ...query });
  if (json) return void process.stdout.write(`${text}\n`);
  const now = Date.now();
  const age = (at: string) => shortDuration(now - Date.parse(at));
  const rejected = said.rejected.map((each) => ({
    at: each.lastAt,
    row: [
      ...[age(each.lastAt), `${each.method} ${each.path}`, shortName(each.application ?? "")],
      ...[each.times > 1 ? `${each.status} ×${each.times}` : String(each.status), shortText(each.reason)],
    ],
  }));
  const events = said.events.map((each) => ({
    at: each.at,
    row: [
      ...[age(each.at), each.event, shortName(aboutOf(each)), "no run"],
      shortText(each.reasons.map(({ workflow, reason }) => `${workflow}: ${reason}`).join("; ") || each.answer),
    ],
  }));
  const rows = [...rejected, ...events].sort((a, b) => Date.parse(b.at) - Date.parse(a.at)).map(({ row }) => row);
  process.stdout.write(table(["AGE", "EVENT", "ABOUT", "RESULT", "REASON"], rows, process.stdout.columns));
  if (rows.length === 0) process.stderr.write("There are no such events and no such rejected requests.\n");
  if (said.next !== undefined) process.stderr.write(`There are more: --cursor ${said.next}\n`);
}

function aboutOf({ repository, number, subject }: EventsPageShown["events"][number]): string {
  return [repository, number === undefined ? undefined : `#${number}`, subject].filter(Boolean).join(" ");
}
