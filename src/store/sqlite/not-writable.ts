import { accessSync, constants, statSync } from "node:fs";

type NotWritable = {
  readonly path: string;
  /** A clause that follows "Cannot write to …". */
  readonly why: string;
  readonly remedy: string;
};

/**
 * The first of these files and folders that this user cannot write; undefined when all that are there can be written.
 * SQLite tells only that it could not open them. It is most often a volume that belongs to another user than the
 * container's.
 */
export function notWritable(...paths: readonly string[]): NotWritable | undefined {
  for (const path of paths) {
    const found = statSync(path, { throwIfNoEntry: false });
    const refusal = found && refusalOf(path);
    if (refusal === "EROFS") {
      return {
        path,
        why: "it is on a read-only file system",
        remedy: "Make it writable: put a volume there, or set DATA_DIR to one.",
      };
    }
    if (refusal === "EACCES") {
      const { uid, gid, mode } = found!;
      return {
        path,
        why:
          `it belongs to user ${uid} and group ${gid}, with mode ${(mode & 0o7777).toString(8).padStart(4, "0")}, and ` +
          `this process is user ${process.geteuid?.()} of group ${process.getegid?.()}`,
        remedy:
          "Make this user or group its owner, with all that is in it, or start the process as its owner (in Kubernetes: " +
          "fsGroup; in Docker: --user).",
      };
    }
  }
  return undefined;
}

/** The code of the error with which the system refuses to write there. */
function refusalOf(path: string): string | undefined {
  try {
    accessSync(path, constants.W_OK);
    return undefined;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code;
  }
}
