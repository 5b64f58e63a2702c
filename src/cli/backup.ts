import { createReadStream, existsSync, readdirSync, renameSync, rmSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { addAbortSignal } from "node:stream";
import { type Command, InvalidArgumentError } from "commander";
import type { Backups } from "../service/backups.ts";
import { examples, STORE_HELP } from "./command.ts";
import { stopSignal } from "./on-signal.ts";

export function backupCommands(program: Command): void {
  program
    .command("backup")
    .description("Back up the database while the service runs")
    .argument("[file]", "New file, or a folder: the file's name is then the time (default: standard output)")
    .option("--keep <count>", "In a folder: keep this many backups and delete older ones", countFrom)
    .addHelpText(
      "after",
      examples(
        ["Write a backup into an existing folder, and keep the newest 14", "gh-runner backup backups --keep 14"],
        ["Write a backup to a file", "gh-runner backup gh-runner.sqlite"],
      ),
    )
    .addHelpText("after", STORE_HELP)
    .action(makeBackup);
  program
    .command("restore")
    .description("Restore a backup into an empty database")
    .argument("[file]", "The backup (default: standard input)")
    .option("--replace", "Replace the runs that the database has now; they are lost")
    .addHelpText(
      "after",
      examples(
        ["Restore a backup. Stop the service first", "gh-runner restore backups/gh-runner-20261129T021500Z.sqlite"],
        ["Restore it over an existing database", "gh-runner restore gh-runner.sqlite --replace"],
      ),
    )
    .addHelpText("after", "\nNo service may use the database.")
    .addHelpText("after", STORE_HELP)
    .action(restoreBackup);
}

function countFrom(text: string): number {
  if (!/^[1-9]\d{0,4}$/.test(text)) throw new InvalidArgumentError("Give a number from 1 to 99999.");
  return Number(text);
}

async function backups() {
  const { readStoreConfig } = await import("../service/config/config.ts");
  const { openBackups } = await import("../service/backups.ts");
  return openBackups(readStoreConfig());
}

/** Suffix of a backup's file until it is complete. */
const UNFINISHED = ".unfinished";
const MADE = /^gh-runner-\d{8}T\d{6}Z\.(sqlite|jsonl\.gz)$/;

async function makeBackup(target: string | undefined, { keep }: { readonly keep?: number }): Promise<void> {
  const { extension, make } = await backups();
  const isFolder = target !== undefined && (statSync(target, { throwIfNoEntry: false })?.isDirectory() ?? false);
  if (keep !== undefined && !isFolder)
    throw new Error("Cannot back up: --keep is for a folder of backups. Name an existing folder.");
  if (target === undefined) return toStandardOutput(make);
  const file = isFolder ? join(target, `gh-runner-${timeInName()}.${extension}`) : target;
  if (existsSync(file)) throw new Error(`Cannot back up to ${file}: it already exists. Name another file.`);
  if (isFolder) removeAbandoned(target);
  const signal = stopSignal("back up", `No ${file} was written.`);
  const unfinished = `${file}.${process.pid}${UNFINISHED}`;
  try {
    await make(unfinished, signal);
    renameSync(unfinished, file);
  } catch (cause) {
    rmSync(unfinished, { force: true });
    throw cause;
  }
  const deleted = isFolder && keep !== undefined ? deleteOlder(target, keep) : [];
  const megabytes = (statSync(file).size / 1e6).toFixed(1);
  process.stdout.write(`${file}: ${megabytes} MB.${deleted.length ? ` Deleted: ${deleted.join(", ")}.` : ""}\n`);
}

/** Such as 20261129T110243Z. The names sort by time. */
const timeInName = () => new Date().toISOString().replace(/[-:]|\.\d+/g, "");

/** Files of this age were left by a killed backup. */
const ABANDONED_MS = 24 * 3_600_000;

function removeAbandoned(folder: string): void {
  for (const name of readdirSync(folder)) {
    if (!name.startsWith("gh-runner-") || !/\.unfinished(-journal|-wal|-shm)?$/.test(name)) continue;
    const file = join(folder, name);
    const age = Date.now() - (statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? Date.now());
    if (age > ABANDONED_MS) rmSync(file, { force: true });
  }
}

function deleteOlder(folder: string, keep: number): readonly string[] {
  const made = readdirSync(folder).filter((name) => MADE.test(name));
  const older = made.toSorted().reverse().slice(keep);
  for (const name of older) rmSync(join(folder, name), { force: true });
  return older;
}

async function toStandardOutput(make: Backups["make"]): Promise<void> {
  if (process.stdout.isTTY)
    throw new Error("Cannot back up to a terminal: name a file, or send the standard output to one.");
  process.stdout.on("error", () => {});
  await make(process.stdout, stopSignal("back up", "The output is incomplete."));
}

async function restoreBackup(
  file: string | undefined,
  { replace = false }: { readonly replace?: boolean },
): Promise<void> {
  const signal = stopSignal("restore", "Nothing was restored.");
  const { restore } = await backups();
  const log = file === undefined ? undefined : `${file}-wal`;
  if (log && (statSync(log, { throwIfNoEntry: false })?.size ?? 0) > 0) {
    throw new Error(
      `Cannot restore ${file}: the newest runs are in ${basename(log)} beside it. It is not a backup, but the database of a ` +
        `service. Set DATA_DIR to ${dirname(log)} and make a backup of it first.`,
    );
  }
  const source = file === undefined ? process.stdin : createReadStream(file);
  try {
    const runs = await restore(addAbortSignal(signal, source), { replace, signal });
    process.stdout.write(`${runs} runs restored.\n`);
  } catch (cause) {
    signal.throwIfAborted();
    const { message, code } = cause as NodeJS.ErrnoException;
    if (message.startsWith("Cannot ") || code === undefined) throw cause;
    const remedy = "Name a backup that you can read. Nothing was restored.";
    throw new Error(`Cannot restore ${file ?? "the standard input"}: ${message}. ${remedy}`, { cause });
  } finally {
    source.destroy();
  }
}
