import { mkdirSync, statSync } from "node:fs";
import { dirname } from "node:path";

/**
 * Creates a folder and its missing parents. Node's `recursive` option never ends, and ignores signals, if the system
 * reports an existing folder as missing, as below /proc. Parents are checked only when needed, because Node's
 * permissions may forbid it.
 * @throws Error of the file system.
 */
export function makeFolder(folder: string, mode = 0o777): void {
  let problem = problemOf(folder, mode);
  if (problem?.code === "ENOENT" && dirname(folder) !== folder) {
    makeFolder(dirname(folder), mode);
    problem = problemOf(folder, mode);
  }
  if (problem) throw problem;
}

/** Why a folder cannot be created. Undefined if it exists, perhaps because another process was faster. */
function problemOf(folder: string, mode: number): NodeJS.ErrnoException | undefined {
  try {
    mkdirSync(folder, { mode });
    return undefined;
  } catch (error) {
    return isFolder(folder) ? undefined : (error as NodeJS.ErrnoException);
  }
}

function isFolder(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
  } catch {
    return false;
  }
}
