import { createHash } from "node:crypto";
import {
  accessSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { makeFolder } from "../store/make-folder.ts";
import { type LoadedFile, workflowsBelow, workflowsIn } from "../workflows/load/load-workflows.ts";
import { filesBelow } from "./watch-folder.ts";

/** What belongs to a folder of workflows: everything except packages, tests and names that begin with a dot. */
export const countsAsWorkflows = (name: string) => !/\.(?:test|d)\.\w+$/.test(name);

/** A larger folder is probably not a folder of workflows, but one around it. */
const MAX_BYTES = 16 * 1024 * 1024;

/** Old versions to keep, because attempts that began with one may still read its files. */
const KEPT = 5;

export type WorkflowVersions = {
  /** @throws Error when the folder cannot be read or copied. */
  load(): Promise<readonly LoadedFile[]>;
  /** Whether the content of the folder differs from what was last loaded. */
  hasChanged(): boolean;
  /** The last valid version of a file, as an earlier process noted it. */
  earlier(file: string): Promise<LoadedFile | undefined>;
  /** Notes which version of each file is valid, and deletes versions that are no longer needed. */
  keep(sound: ReadonlyMap<string, LoadedFile>): void;
};

/**
 * Loads WORKFLOWS_DIR from copies in DATA_DIR, one per version, named by its content. This has three effects. Running
 * code stays unchanged when git-sync deletes the folder of the previous commit. Content that was loaded before takes no
 * more memory. The last valid version of a file is there after a restart.
 * @throws Error when DATA_DIR cannot be written.
 */
export function workflowVersions(
  { dir, dataDir }: { readonly dir: string; readonly dataDir: string },
  closing: AsyncDisposableStack,
): WorkflowVersions {
  const root = join(dataDir, "workflows");
  makeFolder(root, 0o700);
  const loadOne = workflowsBelow(root, closing);
  let last: { readonly content: Content; readonly files: readonly LoadedFile[] } | undefined;
  return {
    async load() {
      const content = contentOf(dir);
      take(content, dir, root);
      // Code stays in memory while the process lives: 12 KiB for a small workflow (measured).
      const same = last ? unchanged(last.content.files, content.files) : new Set<string>();
      const kept = last?.files.filter(({ file, problem }) => same.has(file) && problem === undefined) ?? [];
      const loaded = await loadOne(content.version, new Set(kept.map(({ file }) => file)));
      const files = [...kept, ...loaded].sort((one, other) => (one.file < other.file ? -1 : 1));
      last = { content, files };
      return files;
    },
    hasChanged: () => contentOf(dir).version !== last?.content.version,
    earlier: (file) => earlierIn(root, file, loadOne),
    keep(sound) {
      const versions = Object.fromEntries([...sound].map(([file, { folder = "" }]) => [file, basename(folder)]));
      const text = `${JSON.stringify(versions)}\n`;
      if (text !== notedIn(root)) {
        writeFileSync(join(root, ".sound.json"), text);
        renameSync(join(root, ".sound.json"), join(root, SOUND));
      }
      const running = last?.files.map(({ folder = "" }) => basename(folder)) ?? [];
      prune(root, new Set([...Object.values(versions), ...running, last?.content.version]));
    },
  };
}

/** For a command, which changes nothing: loads from the folder itself. */
export function workflowVersionsRead(
  { dir, dataDir }: { readonly dir: string; readonly dataDir: string },
  closing: AsyncDisposableStack,
): WorkflowVersions {
  const root = join(dataDir, "workflows");
  const load = workflowsIn(dir, closing);
  const loadOne = existsSync(root) ? workflowsBelow(root, closing) : undefined;
  return {
    load,
    hasChanged: () => true,
    earlier: async (file) => (loadOne ? earlierIn(root, file, loadOne) : undefined),
    keep() {},
  };
}

/** The valid version of each file. */
const SOUND = "sound.json";

function notedIn(root: string): string | undefined {
  try {
    return readFileSync(join(root, SOUND), "utf8");
  } catch {
    return undefined;
  }
}

async function earlierIn(
  root: string,
  file: string,
  loadOne: ReturnType<typeof workflowsBelow>,
): Promise<LoadedFile | undefined> {
  try {
    const versions: Readonly<Record<string, unknown>> = JSON.parse(notedIn(root) ?? "{}");
    const version = Object.hasOwn(versions, file) ? versions[file] : undefined;
    if (typeof version !== "string" || !VERSION.test(version)) return undefined;
    return (await loadOne(version)).find((each) => each.file === file && each.problem === undefined);
  } catch {
    return undefined;
  }
}

const VERSION = /^[0-9a-f]{16}$/;

type Content = { readonly version: string; readonly files: ReadonlyMap<string, Buffer> };

/**
 * The files directly in the folder that need not be loaded again: they did not change, and nothing that they may
 * import did. That is everything in subfolders, files that are no workflows, and files that they name.
 */
function unchanged(before: ReadonlyMap<string, Buffer>, now: ReadonlyMap<string, Buffer>): ReadonlySet<string> {
  const isWorkflow = (path: string) => /^[^/\\]+\.(ts|mts|js)$/.test(path);
  const all = [...new Set([...before.keys(), ...now.keys()])];
  const isSame = (path: string) => now.get(path)?.equals(before.get(path) ?? Buffer.from("\0")) ?? false;
  const changed = all.filter((path) => !isSame(path));
  const names = (path: string, others: readonly string[]) => others.some((other) => now.get(path)?.includes(other));
  if (changed.some((path) => !isWorkflow(path))) return new Set();
  for (;;) {
    const next = all.filter((path) => !changed.includes(path) && names(path, changed));
    if (next.length === 0) break;
    if (next.some((path) => !isWorkflow(path))) return new Set();
    changed.push(...next);
  }
  return new Set(all.filter((path) => isWorkflow(path) && !changed.includes(path)));
}

/** Copies the folder, unless this version exists. */
function take({ version, files }: Content, dir: string, root: string): void {
  const target = join(root, version);
  if (existsSync(target)) {
    const now = new Date();
    utimesSync(target, now, now);
  } else {
    const unfinished = join(root, `.${version}.${process.pid}`);
    rmSync(unfinished, { recursive: true, force: true });
    for (const [path, content] of files) {
      mkdirSync(dirname(join(unfinished, path)), { recursive: true });
      writeFileSync(join(unfinished, path), content);
    }
    mkdirSync(unfinished, { recursive: true });
    renameSync(unfinished, target);
  }
  // Packages are not copied. Their location may change with each commit.
  const packages = packagesAbove(realpathSync(dir));
  rmSync(join(target, "node_modules"), { force: true });
  if (packages !== undefined) symlinkSync(packages, join(target, "node_modules"));
}

function contentOf(dir: string): Content {
  const whole = createHash("sha256");
  const files = new Map<string, Buffer>();
  let bytes = 0;
  try {
    // Resolves links once, so that a link that changes now does not mix two versions.
    const folder = realpathSync(dir);
    for (const path of filesBelow(folder, countsAsWorkflows)) {
      const content = readFileSync(join(folder, path));
      bytes += content.length;
      if (bytes > MAX_BYTES) throw new Error(`it contains more than ${MAX_BYTES / 1024 / 1024} MiB`);
      whole.update(`${path}\0${content.length}\0`).update(content);
      files.set(path, content);
    }
  } catch (cause) {
    throw new Error(
      `Cannot read the folder ${dir} (${(cause as Error).message}). Set WORKFLOWS_DIR to the folder of your workflows.`,
      { cause },
    );
  }
  return { version: whole.digest("hex").slice(0, 16), files };
}

/** The `node_modules` folder that Node would search first. */
function packagesAbove(folder: string): string | undefined {
  for (let at = folder; ; at = dirname(at)) {
    const packages = join(at, "node_modules");
    if (mayRead(packages)) return packages;
    if (dirname(at) === at) return undefined;
  }
}

/** `existsSync` throws if Node's permissions forbid a path. */
function mayRead(path: string): boolean {
  try {
    accessSync(path);
    return true;
  } catch {
    return false;
  }
}

function prune(root: string, needed: ReadonlySet<string | undefined>): void {
  const others = readdirSync(root)
    .filter((name) => VERSION.test(name) && !needed.has(name))
    .map((name) => ({ name, at: statSync(join(root, name)).mtimeMs }))
    .sort((one, other) => other.at - one.at);
  for (const { name } of others.slice(KEPT)) rmSync(join(root, name), { recursive: true, force: true });
}
