import { type Command, Option } from "commander";
import type { AuditPageShown } from "../http/audit-schemas.ts";
import { AUDIT_ACTIONS, AUDIT_OUTCOMES } from "../model/audit.ts";
import { CommandError, examples, JSON_OPTION, SERVICE_HELP } from "./command.ts";
import { shortName, shortText, shownId, table } from "./terminal.ts";

export function auditCommand(program: Command): void {
  program
    .command("audit-log")
    .description("Show who did what, and which requests were rejected")
    .option("--actor <text>", "Only actors whose name contains this text")
    .addOption(new Option("--action <action>", "Only this action").choices(AUDIT_ACTIONS))
    .addOption(new Option("--outcome <outcome>", "Only actions with this outcome").choices(AUDIT_OUTCOMES))
    .option("--workflow <name>", "Only this workflow; * selects actions on all workflows together")
    .option("--run <id>", "Only this run")
    .option("--address <address>", "Only requests from this address")
    .option("--since <time>", "Only since this time: 2h, 2026-11-24")
    .option("--until <time>", "Only before this time")
    .option("--limit <number>", "Show up to this many records: 1 to 500 (default: 50)")
    .option("--cursor <cursor>", "Continue an earlier list, with the cursor that it printed")
    .option("--verify", "Check that no record was removed, changed or added; exit code 1 if one was")
    .option(...JSON_OPTION)
    .addHelpText(
      "after",
      examples(
        [
          "Show the requests that were rejected in the last two hours",
          "gh-runner audit-log --outcome rejected --since 2h",
        ],
        ["Check that no record was removed or changed", "gh-runner audit-log --verify"],
      ),
    )
    .addHelpText("after", SERVICE_HELP)
    .action(auditLog);
}

const FILTERS = [
  "actor",
  "action",
  "outcome",
  "workflow",
  "run",
  "address",
  "since",
  "until",
  "limit",
  "cursor",
] as const;

type Options = { json?: boolean; verify?: true } & Partial<Record<(typeof FILTERS)[number], string>>;

async function auditLog({ json = false, verify, ...query }: Options): Promise<void> {
  if (verify && Object.keys(query).length > 0)
    throw new CommandError("--verify reads all records: leave the filters out.");
  return verify ? verifyChain(json) : list(query, json);
}

/** Prints records, newest first. */
async function list({ run, ...query }: Omit<Options, "json" | "verify">, json: boolean): Promise<void> {
  const { serviceClient } = await import("./service-client.ts");
  const client = serviceClient();
  const id = run === undefined ? undefined : await client.idOf(run);
  const { text, said } = await client.audit({ run: id, ...query });
  if (json) return void process.stdout.write(`${text}\n`);
  const heading = ["AT", "ACTOR", "ROLE", "FROM", "ACTION", "RESULT", "ABOUT", "DETAILS"];
  process.stdout.write(table(heading, said.records.map(rowOf), process.stdout.columns));
  if (said.records.length === 0) process.stderr.write("There are no such records.\n");
  if (said.next !== undefined) process.stderr.write(`There are more: --cursor ${said.next}\n`);
}

function rowOf({
  at,
  actor,
  role,
  address,
  action,
  outcome,
  run,
  workflow,
  details,
  times,
}: AuditPageShown["records"][number]) {
  const about = [workflow, run && shownId(run, process.stdout.columns)].filter(Boolean).join(" ");
  const result = times > 1 ? `${outcome} ×${times}` : outcome;
  return [
    ...[at, shortName(actor), role ?? "", shortName(address ?? ""), action, result, shortName(about)],
    shortText(details ?? ""),
  ];
}

async function verifyChain(json: boolean): Promise<void> {
  const { serviceClient } = await import("./service-client.ts");
  const { text, said } = await serviceClient().auditVerification();
  const { whole, checked, anchor, head, problems, notSealed } = said;
  if (!whole) process.exitCode = 1;
  if (json) return void process.stdout.write(`${text}\n`);
  const lines = [
    `${checked} records were checked, ${anchor.number + 1} to ${head.number}. The newest has the hash ${head.hash || "(none)"}.`,
    ...(notSealed.count > 0
      ? [`${notSealed.count} records of earlier versions have no hash, and are not checked.`]
      : []),
    ...(whole ? ["The chain is complete."] : problems.map((problem) => problem.text)),
  ];
  process.stdout.write(`${lines.join("\n")}\n`);
}
