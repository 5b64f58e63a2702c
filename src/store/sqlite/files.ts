import { accessSync, closeSync, constants, openSync, statSync } from "node:fs";

/** For the owner only, because events may contain private data. */
export const PRIVATE_FOLDER = 0o700;
const PRIVATE_FILE = 0o600;

/** SQLite would create it with 0644. The files beside a database get the database's mode. */
export function createPrivately(file: string): void {
  try {
    closeSync(openSync(file, "ax", PRIVATE_FILE));
  } catch {
    // The file exists, or SQLite reports why it cannot be created.
  }
}

/**
 * One sentence for each way in which every user of the machine can access a folder or its files. Group access is not
 * reported, since Kubernetes' fsGroup and administrators set it. Folders like /tmp (sticky), such as the image's /data,
 * and folders that fsGroup opened (setgid) are not reported either.
 */
export function openToAll(folder: string, files: readonly string[]): readonly string[] {
  const mode = statSync(folder).mode;
  const found: string[] = [];
  if (mode & 0o002 && !(mode & 0o3000)) {
    found.push(`every user of this machine can delete the database in ${folder}: chmod o-w ${folder}`);
  }
  const readable = files.filter((file) => ((statSync(file, { throwIfNoEntry: false })?.mode ?? 0) & 0o006) !== 0);
  if (mode & 0o001 && readable.length > 0) {
    found.push(`every user of this machine can read the runs: chmod 600 ${readable.join(" ")}`);
  }
  return found;
}

/**
 * Remembers the identity of these files. SQLite continues to write into a deleted or replaced file, and that data is
 * lost when the process ends.
 * @returns a function that reports the first file no longer at its path; 1.5 µs per file (measured).
 */
export function watchFiles(files: readonly string[]): () => string | undefined {
  const known = files.map((file) => ({ file, at: statSync(file, { throwIfNoEntry: false }) }));
  return () => {
    for (const { file, at } of known) {
      if (!at) continue;
      const now = statSync(file, { throwIfNoEntry: false });
      if (!now) return `${file} was deleted or moved`;
      if (now.ino !== at.ino || now.dev !== at.dev) return `${file} was replaced`;
    }
    return undefined;
  };
}

type NotWritable = {
  readonly path: string;
  /** A clause after "Cannot write to …". */
  readonly why: string;
  readonly remedy: string;
};

/**
 * The first of these files and folders that this user cannot write. Undefined if all existing ones are writable. SQLite
 * only reports that it could not open them. The usual cause is a volume that belongs to another user than the
 * container's.
 */
export function notWritable(...paths: readonly string[]): NotWritable | undefined {
  for (const path of paths) {
    const found = statSync(path, { throwIfNoEntry: false });
    const code = found && errorCodeOf(path);
    if (code === "EROFS") {
      return {
        path,
        why: "it is on a read-only file system",
        remedy: "Make it writable: put a volume there, or set DATA_DIR to one.",
      };
    }
    if (code === "EACCES") {
      const { uid, gid, mode } = found!;
      return {
        path,
        why:
          `it belongs to user ${uid} and group ${gid}, with mode ${(mode & 0o7777).toString(8).padStart(4, "0")}, and ` +
          `this process is user ${process.geteuid?.()} of group ${process.getegid?.()}`,
        remedy:
          "Make this user or group the owner of it and everything in it, or start the process as its owner (in Kubernetes: " +
          "fsGroup; in Docker: --user).",
      };
    }
  }
  return undefined;
}

/** The system's error code for writing there. */
function errorCodeOf(path: string): string | undefined {
  try {
    accessSync(path, constants.W_OK);
    return undefined;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code;
  }
}

/**
 * Node's permission model forbids fsync and fdatasync (Node 26). Then SQLite flushes at each commit, on the event loop.
 */
export function mayFlush(): boolean {
  return process.permission === undefined;
}
