import { createReadStream } from "node:fs";
import { systemClock } from "../model/clock.ts";
import { importStore } from "../move-store.ts";
import { withStore } from "./with-store.ts";

/** Fills an empty store with an export, from a file or from the standard input. */
export async function importRuns(file?: string): Promise<void> {
  const runs = await withStore(async (settings) => {
    const source = file === undefined ? process.stdin : createReadStream(file);
    try {
      return await importStore(settings, source, systemClock);
    } catch (cause) {
      const { message, syscall, path } = cause as NodeJS.ErrnoException;
      if (syscall === undefined || path !== file) throw cause;
      throw new Error(`Cannot import ${file}: ${message}. Nothing was imported.`, { cause });
    }
  });
  process.stdout.write(`${runs} runs imported.\n`);
}
