import { type Command, Option } from "commander";
import type { AuditPageShown } from "../http/audit-schemas.ts";
import { AUDIT_ACTIONS, AUDIT_OUTCOMES } from "../model/audit.ts";
import { CommandError, JSON_OPTION } from "./command.ts";
import { shortName, shortText, shownId, table } from "./terminal.ts";

export function auditCommand(program: Command): void {
  program
    .command("audit-log")
    .description("list who did what, and what was rejected; --verify checks that no record was removed or changed")
    .option("--actor <text>", "only actors with this in their name")
    .addOption(new Option("--action <action>", "only this action").choices(AUDIT_ACTIONS))
    .addOption(new Option("--outcome <outcome>", "only what was done, or rejected").choices(AUDIT_OUTCOMES))
    .option("--workflow <name>", "only this workflow; * is all of them at once")
    .option("--run <id>", "only this run")
    .option("--address <address>", "only from this address")
    .option("--since <time>", "only at this time or later: 2h, 2026-11-24")
    .option("--until <time>", "only before")
    .option("--limit <number>", "up to N: 1 to 500, 50 without it")
    .option("--cursor <cursor>", "continue where an earlier list ended")
    .option("--verify", "check the chain of all records; exit code 1 when something is wrong with it")
    .option(...JSON_OPTION)
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
    ...(whole ? ["The chain is whole."] : problems.map((problem) => problem.text)),
  ];
  process.stdout.write(`${lines.join("\n")}\n`);
}
