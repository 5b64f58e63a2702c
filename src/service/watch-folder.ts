import { type Dirent, readdirSync, realpathSync, statSync } from "node:fs";
import { join, sep } from "node:path";

type Options = {
  /** Whether to include a file of this name. Default: code and data that workflows can import, without tests. */
  readonly counts?: (name: string) => boolean;
  /**
   * A check costs 0.2 ms for twenty files. `fs.watch` reports nothing on network and bind mounts, and platforms differ
   * when an editor replaces a file.
   */
  readonly everyMs?: number;
};

/**
 * Watches the files below a folder, without `node_modules` and names that begin with a dot. Follows symbolic links each
 * time, because Kubernetes and git-sync update a mounted folder by changing a link.
 * @param changed gets the files that were written, added or removed, once two checks in a row agree. So it waits for a
 *   file that is being written.
 * @returns a function that stops watching.
 */
export function watchFolder(
  folder: string,
  changed: (files: readonly string[]) => void,
  { counts = isImported, everyMs = 150 }: Options = {},
): () => void {
  const look = () => new Map(filesBelow(folder, counts).map((path) => [path, stateOf(join(folder, path))] as const));
  let told: Files = look();
  let last = told;
  const looking = setInterval(() => {
    const now = look();
    const isSettled = differences(last, now).length === 0;
    last = now;
    if (!isSettled) return;
    const files = differences(told, now);
    told = now;
    if (files.length > 0) changed(files);
  }, everyMs);
  return () => clearInterval(looking);
}

/**
 * The paths of the files below a folder, sorted. Follows links to folders only within this folder. A folder that is
 * missing, or that an editor is replacing, has no files.
 */
export function filesBelow(folder: string, counts: (name: string) => boolean): readonly string[] {
  const root = realPath(folder);
  const found: string[] = [];
  /** @param places the folder and its parents, so that a link to one of them does not cause a loop. */
  function walk(below: string, places: readonly string[]): void {
    const [place = ""] = places;
    for (const entry of entriesOf(place)) {
      if (entry.name.startsWith(".") || entry.name === "node_modules") continue;
      const path = join(below, entry.name);
      const its = entry.isSymbolicLink() ? realPath(join(place, entry.name)) : join(place, entry.name);
      if (its === undefined) continue;
      if (entry.isSymbolicLink() ? isFolder(its) : entry.isDirectory()) {
        if (its.startsWith(root + sep) && !places.includes(its)) walk(path, [its, ...places]);
      } else if (counts(entry.name)) found.push(path);
    }
  }
  if (root !== undefined) walk("", [root]);
  return found.sort();
}

/** The state of each file, by its path in the folder. */
type Files = ReadonlyMap<string, string>;

const isImported = (name: string) => /\.(?:[cm]?[jt]s|json)$/.test(name) && !/\.(?:test|d)\.\w+$/.test(name);

function entriesOf(folder: string): readonly Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch {
    return [];
  }
}

const isFolder = (path: string) => statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;

function realPath(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch {
    return undefined;
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
