import { createReadStream, createWriteStream, openSync, rmSync } from "node:fs";
import { join } from "node:path";
import { PassThrough, type Readable, type Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { StoreConfig } from "./config/store.ts";
import { openMover } from "./open-store.ts";

/** Backs up and restores the store of the settings. */
export type Backups = {
  /** Extension of a backup's name. */
  readonly extension: "sqlite" | "jsonl.gz";
  /**
   * Writes a consistent copy of the whole store, while services continue.
   * @param target a new file, or a stream, which is not ended. For a stream, SQLite first writes a file in DATA_DIR.
   * @throws Error that begins with "Cannot" and says what to do; the signal's reason when it is aborted.
   */
  make(target: string | Writable, signal: AbortSignal): Promise<void>;
  /**
   * Fills the store with a whole backup, or changes nothing. Accepts an SQLite database, or an export, compressed or
   * not.
   * @returns the number of runs in the store.
   * @throws Error that begins with "Cannot" and says what to do, such as when the store has runs and `replace` is not
   *   set.
   */
  restore(source: Readable, options: { readonly replace: boolean; readonly signal: AbortSignal }): Promise<number>;
};

/** Loaded only to compress or read a backup, because it takes 1 MB. */
const zlib = () => process.getBuiltinModule("node:zlib");

/** SQLite is copied unchanged. PostgreSQL is exported, so that no client of its version is needed. */
export function openBackups(settings: StoreConfig): Backups {
  const { database, dataDir } = settings;
  return {
    extension: database ? "jsonl.gz" : "sqlite",
    async make(target, signal) {
      const end = typeof target === "string";
      if (database) {
        const write = (lines: AsyncIterable<string>) => {
          const to = end ? createWriteStream(target, { mode: 0o600, flags: "wx", flush: true }) : target;
          return pipeline(lines, zlib().createGzip(), to, { signal, end }).catch((cause) => {
            throw cannotWrite(cause, signal);
          });
        };
        await (await openMover(settings)).export(write);
        return;
      }
      const { backUpSqlite } = await import("../store/sqlite/backup.ts");
      if (end) return backUpSqlite(dataDir, target, signal);
      const file = join(dataDir, `gh-runner-backup.${process.pid}`);
      await backUpSqlite(dataDir, file, signal);
      const copy = createReadStream(file, { fd: openSync(file, "r") });
      // Frees the disk space at the end, even after an error.
      rmSync(file);
      await pipeline(copy, target, { signal, end }).catch((cause) => {
        throw cannotWrite(cause, signal);
      });
    },
    async restore(source, { replace, signal }) {
      const { SQLITE_HEADER, restoreSqlite } = await import("../store/sqlite/backup.ts");
      const { first, whole } = await begun(source, SQLITE_HEADER.length);
      if (first.subarray(0, SQLITE_HEADER.length).equals(SQLITE_HEADER)) {
        if (!database) return restoreSqlite(dataDir, whole, { replace, signal });
        throw new Error(
          "Cannot restore this backup: it is a database of SQLite, and DATABASE_URL is set. Restore it into an empty folder " +
            "without DATABASE_URL, then move it (docs/scaling.md#move). Nothing was restored.",
        );
      }
      const lines = isCompressed(first) ? uncompressed(whole, signal) : whole;
      return (await openMover(settings)).import(lines, signal, { replace });
    },
  };
}

function cannotWrite(cause: NodeJS.ErrnoException, signal: AbortSignal): Error {
  if (signal.aborted) return signal.reason;
  const remedy =
    cause.code === "ENOSPC"
      ? "Make room on the disk of the backup. No partial file was left."
      : "See that what takes the backup can be written by this user.";
  return new Error(`Cannot write the backup: ${cause.message}. ${remedy}`, { cause });
}

/** RFC 1952, 2.3.1. */
const isCompressed = (first: Buffer) => first[0] === 0x1f && first[1] === 0x8b;

/** An error appears where the stream is read. */
function uncompressed(source: AsyncIterable<Uint8Array>, signal: AbortSignal): Readable {
  const plain = new PassThrough();
  pipeline(source, zlib().createGunzip(), plain, { signal }).catch((cause) => {
    const isCut = /^Z_|unexpected end of file|incorrect/i.test(`${cause.code} ${cause.message}`);
    plain.destroy(isCut ? new Error(`the backup is damaged or cut off (${cause.message})`, { cause }) : cause);
  });
  return plain;
}

/** The first `count` bytes of a stream, or fewer if it is shorter, and the whole stream. */
async function begun(source: Readable, count: number) {
  const chunks: AsyncIterator<Uint8Array> = source[Symbol.asyncIterator]();
  let first = Buffer.alloc(0);
  while (first.length < count) {
    const { value, done } = await chunks.next();
    if (done) break;
    first = Buffer.concat([first, value]);
  }
  async function* whole(): AsyncGenerator<Uint8Array> {
    if (first.length > 0) yield first;
    yield* { [Symbol.asyncIterator]: () => chunks };
  }
  return { first, whole: whole() };
}
