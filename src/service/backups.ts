import { createReadStream, createWriteStream, openSync, rmSync } from "node:fs";
import { join } from "node:path";
import { PassThrough, type Readable, type Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { StoreConfig } from "./config/store.ts";
import { openMover } from "./open-store.ts";

/** How the store of the settings is backed up and restored. */
export type Backups = {
  /** What the name of a backup ends with. */
  readonly extension: "sqlite" | "jsonl.gz";
  /**
   * Writes everything that the store holds at one moment, while services continue.
   * @param target a new file, or what is written to and not ended. SQLite goes to the latter by way of DATA_DIR.
   * @throws Error that begins with "Cannot" and says what to do; the reason of the signal when that is aborted.
   */
  make(target: string | Writable, signal: AbortSignal): Promise<void>;
  /**
   * Fills the store with a backup, all of it or nothing: a database of SQLite, or an export, compressed or not.
   * @returns how many runs there are now.
   * @throws Error that begins with "Cannot" and says what to do: where there are runs already, and `replace` is not set.
   */
  restore(source: Readable, options: { readonly replace: boolean; readonly signal: AbortSignal }): Promise<number>;
};

/** Loaded when a backup is compressed or read: it takes 1 MB, which a service that makes none does without. */
const zlib = () => process.getBuiltinModule("node:zlib");

/** SQLite is copied as it is. PostgreSQL is exported, so that no client of its version is needed. */
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
      // The disk has it back, however this ends.
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
      ? "Make room on the disk of the backup. There is no half file."
      : "See that what takes the backup can be written by this user.";
  return new Error(`Cannot write the backup: ${cause.message}. ${remedy}`, { cause });
}

/** RFC 1952, 2.3.1. */
const isCompressed = (first: Buffer) => first[0] === 0x1f && first[1] === 0x8b;

/** Its errors are those of what reads it. */
function uncompressed(source: AsyncIterable<Uint8Array>, signal: AbortSignal): Readable {
  const plain = new PassThrough();
  pipeline(source, zlib().createGunzip(), plain, { signal }).catch((cause) => {
    const isCut = /^Z_|unexpected end of file|incorrect/i.test(`${cause.code} ${cause.message}`);
    plain.destroy(isCut ? new Error(`the backup is damaged or cut off (${cause.message})`, { cause }) : cause);
  });
  return plain;
}

/** What a stream begins with, and all of it. There are fewer bytes where there are not so many. */
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
