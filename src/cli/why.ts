import type { Command } from "commander";
import type { EventsPageShown, WhyShown } from "../http/events-schemas.ts";
import { oneLine } from "../model/visible.ts";
import { saidOf } from "../model/why/facts.ts";
import { JSON_OPTION } from "./command.ts";
import { inUtc } from "./runs-filter.ts";
import { shortDuration, shortName, shortText, table } from "./terminal.ts";

export function whyCommands(program: Command): void {
  program
    .command("why <text...>")
    .description("say why nothing happened with an application, repository, pull request, commit or workflow")
    .option(...JSON_OPTION)
    .action(why);
  program
    .command("events [text...]")
    .description("list events that started no run, with the reason, and rejected requests")
    .option("--limit <number>", "up to N events: 1 to 100, 50 without it")
    .option("--cursor <cursor>", "continue where an earlier list ended")
    .option(...JSON_OPTION)
    .action(listEvents);
}

/** Prints the answer, and what to do next. Ends with exit code 1 when neither a run nor an event is known. */
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
      // A path leads to the service's page, which the command line does not know how to reach.
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
  if (said.next !== undefined) process.stderr.write(`There are more: --cursor ${said.next}\n`);
}

function aboutOf({ repository, number, subject }: EventsPageShown["events"][number]): string {
  return [repository, number === undefined ? undefined : `#${number}`, subject].filter(Boolean).join(" ");
}
