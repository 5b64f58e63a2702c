import { once } from "node:events";
import { createWriteStream, existsSync, renameSync, rmSync } from "node:fs";
import type { Writable } from "node:stream";
import { finished } from "node:stream/promises";
import { exportStore } from "../move-store.ts";
import { withStore } from "./with-store.ts";

/** Writes all that the store holds to a file that is not there yet, or to the standard output. */
export async function exportRuns({ output }: { readonly output?: string }): Promise<void> {
  const { records, running } = await withStore(async (settings) => {
    if (output === undefined) return exportStore(settings, (text) => writeTo(process.stdout, text));
    return toFile(output, (stream) => exportStore(settings, (text) => writeTo(stream, text)));
  });
  process.stderr.write(`${records} records exported${output === undefined ? "" : ` to ${output}`}.\n`);
  if (running) {
    process.stderr.write(
      "A service uses this store and goes on: what it accepts from now on is not in the export. To move, stop it first.\n",
    );
  }
}

/** Under another name until it is whole, and for its owner's eyes alone. */
async function toFile<T>(file: string, work: (stream: Writable) => Promise<T>): Promise<T> {
  if (existsSync(file)) throw new Error(`Cannot export to ${file}: it is there already. Name another file.`);
  const unfinished = `${file}.${process.pid}`;
  try {
    const stream = createWriteStream(unfinished, { mode: 0o600, flush: true });
    const written = finished(stream);
    written.catch(() => {});
    const result = await Promise.race([work(stream), written.then(() => Promise.reject(new Error("closed")))]);
    stream.end();
    await written;
    renameSync(unfinished, file);
    return result;
  } catch (cause) {
    rmSync(unfinished, { force: true });
    const { message, syscall } = cause as NodeJS.ErrnoException;
    if (syscall === undefined) throw cause;
    throw new Error(`Cannot export to ${file}: ${message}. Name a file in a folder that can be written.`, { cause });
  }
}

async function writeTo(stream: Writable, text: string): Promise<void> {
  if (!stream.write(text)) await once(stream, "drain");
}
