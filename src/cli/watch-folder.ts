import { type Dirent, readdirSync, statSync } from "node:fs";
import { join } from "node:path";

/**
 * Looking costs 0.2 ms for twenty files. `fs.watch` is silent on network and bind mounts, and differs by platform when an
 * editor replaces a file.
 */
const LOOK_EVERY_MS = 150;

/**
 * Watches the code and data that workflows can import: below a folder, without `node_modules`, tests, and names that begin
 * with a dot.
 * @param changed gets which files were written, added or removed, when two looks in a row have found the same: a file
 *   that is being written is left alone.
 * @returns how to end it.
 */
export function watchFolder(folder: string, changed: (files: readonly string[]) => void): () => void {
  let told = filesBelow(folder);
  let last = told;
  const looking = setInterval(() => {
    const now = filesBelow(folder);
    const isSettled = differences(last, now).length === 0;
    last = now;
    if (!isSettled) return;
    const files = differences(told, now);
    told = now;
    if (files.length > 0) changed(files);
  }, LOOK_EVERY_MS);
  return () => clearInterval(looking);
}

/** What tells one version of a file from another, by its path in the folder. */
type Files = ReadonlyMap<string, string>;

function filesBelow(folder: string, below = "", found = new Map<string, string>()): Files {
  for (const entry of entriesOf(join(folder, below))) {
    const path = join(below, entry.name);
    if (entry.name.startsWith(".") || entry.name === "node_modules") continue;
    if (entry.isDirectory()) filesBelow(folder, path, found);
    else if (IMPORTED.test(entry.name) && !TEST.test(entry.name)) found.set(path, stateOf(join(folder, path)));
  }
  return found;
}

const IMPORTED = /\.(?:[cm]?[jt]s|json)$/;
const TEST = /\.(?:test|d)\.\w+$/;

/** A folder that is gone, or that an editor is replacing, has none. */
function entriesOf(folder: string): readonly Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch {
    return [];
  }
}

function stateOf(path: string): string {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat ? `${stat.ino} ${stat.size} ${stat.mtimeMs} ${stat.ctimeMs}` : "gone";
}

function differences(before: Files, after: Files): readonly string[] {
  const names = new Set([...before.keys(), ...after.keys()]);
  return [...names].filter((name) => before.get(name) !== after.get(name)).sort();
}
