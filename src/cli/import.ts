import { open } from "node:fs/promises";
import { addAbortSignal, type Readable } from "node:stream";
import { systemClock } from "../model/clock.ts";
import { importStore } from "../service/move-store.ts";
import { moveProgress } from "./move-progress.ts";
import { stopSignal } from "./stop-signal.ts";
import { withStore } from "./with-store.ts";

/** Fills an empty store with an export, from a file or from the standard input. */
export async function importRuns(file?: string): Promise<void> {
  const signal = stopSignal("import", "Nothing was imported.");
  const runs = await withStore((settings) =>
    importStore(settings, readExport(file, signal), { now: systemClock.now, signal }),
  );
  process.stdout.write(`${runs} runs imported.\n`);
}

async function* readExport(file: string | undefined, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  let progress: ReturnType<typeof moveProgress> | undefined;
  try {
    const { source, size } = await opened(file);
    progress = moveProgress("importing", { total: size });
    for await (const chunk of addAbortSignal(signal, source)) {
      progress.add(chunk.length);
      yield chunk;
    }
  } catch (cause) {
    signal.throwIfAborted();
    const { message } = cause as Error;
    throw new Error(`Cannot import ${file ?? "the standard input"}: ${message}. Nothing was imported.`, { cause });
  } finally {
    progress?.clear();
  }
}

async function opened(file: string | undefined): Promise<{ source: Readable; size?: number }> {
  if (file === undefined) return { source: process.stdin };
  const handle = await open(file);
  return { source: handle.createReadStream(), size: (await handle.stat()).size };
}
