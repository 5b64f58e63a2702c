import { once } from "node:events";
import { createWriteStream, existsSync, renameSync, rmSync } from "node:fs";
import type { Writable } from "node:stream";
import { finished } from "node:stream/promises";
import { setImmediate as nextTurn } from "node:timers/promises";
import { exportStore } from "../service/move-store.ts";
import { moveProgress } from "./move-progress.ts";
import { stopSignal } from "./stop-signal.ts";
import { withStore } from "./with-store.ts";

/** Writes all that the store holds to a file that is not there yet, or to the standard output. */
export async function exportRuns({ output }: { readonly output?: string }): Promise<void> {
  const { records, running } = await withStore(async (settings) => {
    if (output === undefined) return toStandardOutput((write) => exportStore(settings, write));
    return toFile(output, (write) => exportStore(settings, write));
  });
  process.stderr.write(`${records} records exported${output === undefined ? "" : ` to ${output}`}.\n`);
  if (running) {
    process.stderr.write(
      "A service uses this store and continues: what it accepts from now on is not in the export. To move, stop it first.\n",
    );
  }
}

type Write = (text: string) => Promise<void>;

async function toStandardOutput<T>(work: (write: Write) => Promise<T>): Promise<T> {
  const signal = stopSignal("export", "What was written lacks its last line, and import refuses it.");
  // Whatever is wrong with it, the write that meets it fails.
  process.stdout.on("error", () => {});
  return work(async (text) => {
    try {
      await writeTo(process.stdout, text, signal);
    } catch (cause) {
      signal.throwIfAborted();
      const what = `Cannot export to the standard output: ${(cause as Error).message}`;
      throw new Error(`${what}. See why its reader has ended.`, { cause });
    }
  });
}

/** Under another name until it is whole, and for its owner's eyes alone. */
async function toFile<T>(file: string, work: (write: Write) => Promise<T>): Promise<T> {
  if (existsSync(file)) throw new Error(`Cannot export to ${file}: it is there already. Name another file.`);
  const signal = stopSignal("export", `There is no ${file}.`);
  const unfinished = `${file}.${process.pid}`;
  const progress = moveProgress("exporting");
  try {
    const stream = createWriteStream(unfinished, { mode: 0o600, flush: true });
    const written = finished(stream);
    written.catch(() => {});
    const writing = work(async (text) => {
      progress.add(text.length);
      await writeTo(stream, text, signal);
    });
    const result = await Promise.race([writing, written.then(() => Promise.reject(new Error("closed")))]);
    stream.end();
    await written;
    renameSync(unfinished, file);
    return result;
  } catch (cause) {
    rmSync(unfinished, { force: true });
    const { message, syscall } = cause as NodeJS.ErrnoException;
    if (syscall === undefined) throw cause;
    throw new Error(`Cannot export to ${file}: ${message}. Name a file in a folder that can be written.`, { cause });
  } finally {
    progress.clear();
  }
}

/** Waits while it is full, unless the signal is aborted: then it fails with its reason. */
async function writeTo(stream: Writable, text: string, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  if (stream.errored) throw stream.errored;
  // A signal is heard between turns of the event loop, and writing to a pipe, as reading SQLite, takes none by itself.
  if (stream.write(text)) return nextTurn();
  await once(stream, "drain", { signal }).catch((cause) => {
    signal.throwIfAborted();
    throw cause;
  });
}
