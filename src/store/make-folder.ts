import { mkdirSync, statSync } from "node:fs";
import { dirname } from "node:path";

/**
 * Creates a folder, and those above it where they are missing. Node's own `recursive` never ends, and hears no signal,
 * where the system says that a folder is missing which is there, as below /proc. What is above is not looked at without
 * need: Node's permissions may forbid it.
 * @throws Error of the file system when it cannot be.
 */
export function makeFolder(folder: string, mode = 0o777): void {
  let problem = problemOf(folder, mode);
  if (problem?.code === "ENOENT" && dirname(folder) !== folder) {
    makeFolder(dirname(folder), mode);
    problem = problemOf(folder, mode);
  }
  if (problem) throw problem;
}

/** Why a folder cannot be created; undefined when it is there, perhaps by another process that was faster. */
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
