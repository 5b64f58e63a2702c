import { createWriteStream, existsSync, promises, renameSync, rmSync } from "node:fs";
import { addAbortSignal, type Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { Command } from "commander";
import { systemClock } from "../model/clock.ts";
import { examples, STORE_HELP, settingsHelp } from "./command.ts";
import { stopSignal } from "./on-signal.ts";
import { progress } from "./terminal.ts";

export function storeCommands(program: Command): void {
  program
    .command("migrate")
    .description("Update the schema of a PostgreSQL database")
    .addHelpText(
      "after",
      examples(
        ["Update the schema of DATABASE_URL, before a new version of the service starts", "gh-runner migrate"],
        [
          "Update it with a role that may change it. The service then needs no such role",
          "DATABASE_URL=postgres://owner@db.example/gh_runner gh-runner migrate",
        ],
      ),
    )
    .addHelpText("after", settingsHelp("DATABASE_URL"))
    .action(migrate);
  program
    .command("export")
    .description("Export all runs, to move to another database")
    .option("--output <file>", "Write JSON Lines to this new file (default: standard output)")
    .addHelpText(
      "after",
      examples(
        ["Export the runs in DATA_DIR, or in DATABASE_URL if it is set", "gh-runner export --output runs.jsonl"],
        ["Compress the export", "gh-runner export | gzip > runs.jsonl.gz"],
      ),
    )
    .addHelpText("after", STORE_HELP)
    .action(exportRuns);
  program
    .command("import")
    .description("Import an export into an empty database")
    .argument("[file]", "The export (default: standard input)")
    .addHelpText(
      "after",
      examples(
        ["Import into DATA_DIR, or into DATABASE_URL if it is set", "gh-runner import runs.jsonl"],
        [
          "Import the standard input into PostgreSQL",
          "DATABASE_URL=postgres://db.example/gh_runner gh-runner import < runs.jsonl",
        ],
      ),
    )
    .addHelpText("after", STORE_HELP)
    .action((file) => importRuns(file));
}

/** The settings of the store, and the functions that move it. */
async function store() {
  const { readConfig } = await import("../service/config/config.ts");
  return { settings: readConfig().store, ...(await import("../service/open-store.ts")) };
}

/** Updates the schema in PostgreSQL and prints what changed. */
async function migrate(): Promise<void> {
  const { settings, migrateStore } = await store();
  process.stdout.write(`${await migrateStore(settings)}\n`);
}

/** Exports the whole store to a new file or to standard output. */
async function exportRuns({ output }: { readonly output?: string }): Promise<void> {
  const { settings, openMover } = await store();
  const write = output === undefined ? toStandardOutput() : toFile(output);
  const { records, running } = await (await openMover(settings)).export(write);
  process.stderr.write(`${records} records exported${output === undefined ? "" : ` to ${output}`}.\n`);
  if (running) {
    process.stderr.write(
      "A service is using this store: events that it accepts from now on are not in the export. To move, stop the service first.\n",
    );
  }
}

type Write = (lines: AsyncIterable<string>) => Promise<void>;

function toStandardOutput(): Write {
  const signal = stopSignal("export", "The output lacks its last line, so import rejects it.");
  // A write that meets an error rejects. An error after the last write has no write to report it, so it is ignored.
  process.stdout.on("error", () => {});
  return (lines) =>
    pipeline(lines, process.stdout, { signal, end: false }).catch((cause) => {
      signal.throwIfAborted();
      throw cannotExport("the standard output", "Check why the program that reads it has ended.", cause);
    });
}

/** Writes under another name until the file is complete. Only the owner can read it. */
function toFile(file: string): Write {
  if (existsSync(file)) throw new Error(`Cannot export to ${file}: it already exists. Name another file.`);
  const signal = stopSignal("export", `No ${file} was written.`);
  const unfinished = `${file}.${process.pid}`;
  return async (lines) => {
    const stream = createWriteStream(unfinished, { mode: 0o600, flush: true });
    try {
      await pipeline(watched(lines, "exporting"), stream, { signal });
      renameSync(unfinished, file);
    } catch (cause) {
      rmSync(unfinished, { force: true });
      signal.throwIfAborted();
      throw cannotExport(file, "Name a file in a writable folder.", cause);
    }
  };
}

function cannotExport(where: string, remedy: string, cause: unknown): Error {
  return new Error(`Cannot export to ${where}: ${(cause as Error).message}. ${remedy}`, { cause });
}

/** Imports an export into an empty store, from a file or from standard input. */
async function importRuns(file?: string): Promise<void> {
  const signal = stopSignal("import", "Nothing was imported.");
  const { settings, openMover } = await store();
  const runs = await (await openMover(settings)).import(readExport(file, signal), signal);
  process.stdout.write(`${runs} runs imported.\n`);
}

async function* readExport(file: string | undefined, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  try {
    const { source, total } = await opened(file);
    yield* watched(addAbortSignal(signal, source), "importing", { total });
  } catch (cause) {
    signal.throwIfAborted();
    const { message } = cause as Error;
    const remedy = "Name an export that you can read. Nothing was imported.";
    throw new Error(`Cannot import ${file ?? "the standard input"}: ${message}. ${remedy}`, { cause });
  }
}

async function opened(file: string | undefined): Promise<{ source: Readable; total?: number }> {
  if (file === undefined) return { source: process.stdin };
  const handle = await promises.open(file);
  return { source: handle.createReadStream(), total: (await handle.stat()).size };
}

/** After this time, show progress. */
const QUIET_MS = 2000;
const EVERY_MS = 500;

/** Shows the progress of an export or import on a terminal, once it takes longer than a moment. */
export async function* watched<T extends { readonly length: number }>(
  chunks: AsyncIterable<T>,
  doing: string,
  { total = 0, shown = progress(), now = systemClock.now } = {},
): AsyncGenerator<T> {
  const started = now();
  let next = started + QUIET_MS;
  let sum = 0;
  try {
    for await (const chunk of chunks) {
      sum += chunk.length;
      yield chunk;
      if (now() < next) continue;
      next = now() + EVERY_MS;
      const of = total === 0 ? "" : ` of ${megabytes(total)}`;
      shown.show(`${doing}, ${megabytes(sum)}${of} MB, ${Math.round((now() - started) / 1000)} s; Ctrl-C ends it`);
    }
  } finally {
    shown.clear();
  }
}

const megabytes = (bytes: number) => (bytes / 1e6).toFixed(0);
