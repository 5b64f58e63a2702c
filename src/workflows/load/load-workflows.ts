import { AsyncLocalStorage } from "node:async_hooks";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, realpathSync } from "node:fs";
import { createRequire, syncBuiltinESMExports } from "node:module";
import { dirname, join, resolve, sep } from "node:path";
import type { WorkflowSource } from "../../model/workflow-file.ts";
import type { EnvironmentReadyOptions } from "../environment-ready.ts";
import { importFile } from "./import-file.ts";
import { addressOf, offerModules, withoutVersion } from "./offer-modules.ts";

/** The unchecked default export of a file, or why the file could not be loaded. */
export type LoadedFile = {
  /** Its name in the folder. */
  readonly file: string;
  readonly exported?: unknown;
  readonly problem?: string;
  /** See `Attempt`. */
  readonly code?: string;
  /** The folder that it was loaded from. */
  readonly folder?: string;
};

/** A file that takes longer waits for something that never comes. */
const LOAD_MS = 10_000;

/** How many times this process has loaded files again. Loaded modules stay in memory until the process ends. */
let versions = 0;

/**
 * A folder of workflows: every `*.ts`, `*.mts` and `*.js` directly in it, except tests (`*.test.ts`) and declarations
 * (`*.d.ts`). Shared code can be in folders below.
 * @param closing takes back the modules offered to the files.
 * @returns a function that loads them. The first call loads them as the process knows them. Later calls load them
 *   again, with everything that they import from the folder. Modules loaded before stay unchanged for their users. It
 *   throws an Error whose message begins with "Cannot" if the folder does not exist.
 */
export function workflowsIn(folder: string, closing: AsyncDisposableStack): () => Promise<readonly LoadedFile[]> {
  const place = realPath(folder);
  closing.defer(offerModules(place));
  closing.defer(rejectExit());
  let isLoaded = false;
  return () => {
    const files = workflowFilesIn(folder);
    const version = isLoaded ? ++versions : undefined;
    if (isLoaded) forgetCommonJs(place);
    isLoaded = true;
    return loadAll(place, files, version);
  };
}

/**
 * Folders of workflows below a root. Each folder never changes.
 * @returns a function that loads one of them by its name, without some of its files.
 */
export function workflowsBelow(
  root: string,
  closing: AsyncDisposableStack,
): (name: string, without?: ReadonlySet<string>) => Promise<readonly LoadedFile[]> {
  const place = realPath(root);
  closing.defer(offerModules(place));
  closing.defer(rejectExit());
  return async (name, without = new Set()) => {
    const files = workflowFilesIn(join(place, name)).filter((file) => !without.has(file));
    return loadAll(join(place, name), files, undefined);
  };
}

async function loadAll(
  folder: string,
  files: readonly string[],
  version: number | undefined,
): Promise<readonly LoadedFile[]> {
  const state = { isOver: false };
  try {
    return await loading.run(state, () => Promise.all(files.map((file) => load(folder, file, version))));
  } finally {
    state.isOver = true;
  }
}

/**
 * Follows symbolic links, because Node uses the real path of a module. A missing folder is reported later, when it is
 * read.
 */
function realPath(folder: string): string {
  try {
    return realpathSync(folder);
  } catch {
    return resolve(folder);
  }
}

/** CommonJS modules are kept by their path. */
function forgetCommonJs(folder: string): void {
  const { cache } = createRequire(import.meta.url);
  for (const path of Object.keys(cache)) {
    if (path.startsWith(folder + sep) && !path.includes("/node_modules/")) delete cache[path];
  }
}

/** Where the code of a workflow appears in a stack. Undefined if it is not from a file of the folder. */
export function sourceIn(folder: string | undefined, file: string | undefined): WorkflowSource | undefined {
  if (folder === undefined || file === undefined) return undefined;
  try {
    const path = realpathSync(join(folder, file));
    return { file, path, folder: dirname(path) };
  } catch {
    return undefined;
  }
}

/** Marks the code that runs while a file is loaded, including its timers. */
const loading = new AsyncLocalStorage<{ isOver: boolean }>();

/** A file that ends the process while it is loaded is reported as broken. @returns a function that undoes it. */
function rejectExit(): () => void {
  const original = process.exit;
  const exit = (code?: string | number | null) => {
    if (loading.getStore()?.isOver ?? true) return original(code);
    const error = new Error("process.exit is called outside of `run`: remove it");
    Error.captureStackTrace(error, exit);
    throw error;
  };
  process.exit = exit;
  syncBuiltinESMExports();
  return () => {
    if (process.exit === exit) process.exit = original;
    syncBuiltinESMExports();
  };
}

function workflowFilesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter((entry) => !entry.isDirectory() && /\.(ts|mts|js)$/.test(entry.name))
      .map(({ name }) => name)
      .filter((name) => !/\.(test|d)\.\w+$/.test(name) && !name.startsWith("."))
      .sort();
  } catch (cause) {
    throw new Error(
      `Cannot read the folder ${folder} (${(cause as Error).message}). Set WORKFLOWS_DIR to the folder of your workflows.`,
      { cause },
    );
  }
}

async function load(folder: string, file: string, version: number | undefined): Promise<LoadedFile> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new Error(`not loaded after ${LOAD_MS / 1000} s: check what it waits for`)),
      LOAD_MS,
    );
  });
  try {
    const code = codeVersion(readFileSync(join(folder, file)));
    const module = await Promise.race([importFile(addressOf(join(folder, file), version)), late]);
    if (!("default" in module))
      return { file, problem: 'no default export: write "export default defineWorkflow({ ... })"' };
    return { file, exported: module.default, code, folder };
  } catch (error) {
    return { file, problem: explained(error, file) };
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Calls the default export of a file if it is a function: it makes its workflow from the service's settings for
 * `environment-ready`. It is called again each time the files are loaded. It gets a copy of the settings, so that it
 * cannot change those of others.
 */
export function madeWith(settings: EnvironmentReadyOptions, loaded: LoadedFile): LoadedFile {
  const { file, exported: make } = loaded;
  if (typeof make !== "function") return loaded;
  if (/^class\b/.test(Function.prototype.toString.call(make))) return { file, problem: noWorkflow("a class") };
  const state = { isOver: false };
  try {
    const exported: unknown = loading.run(state, () => make(structuredClone(settings)));
    if (exported === undefined) return { file, problem: noWorkflow("a function that returns nothing") };
    if (!(exported instanceof Promise)) return { ...loaded, exported };
    exported.catch(() => {});
    return { file, problem: noWorkflow("a function that returns a promise") };
  } catch (error) {
    return { file, problem: explained(error, file) };
  } finally {
    state.isOver = true;
  }
}

const noWorkflow = (got: string) =>
  `default export: expected a workflow, got ${got}: write "export default defineWorkflow({ ... })", or a function that returns it`;

/** Distinguishes versions of a workflow's code. */
export function codeVersion(code: Uint8Array | string): string {
  return createHash("sha256").update(code).digest("hex").slice(0, 12);
}

/** Names the position in the file itself if it is known: the error may come from code that the file calls. */
function explained(error: unknown, file: string): string {
  if (!(error instanceof Error)) return `throws ${String(error)} while loading`;
  const stack = withoutVersion(error.stack ?? "");
  const placeInFile = new RegExp(`\\n\\s+at .*?[/\\\\(](${RegExp.escape(file)}:\\d+:\\d+)\\)?`).exec(stack)?.[1];
  const place = placeInFile ?? /\n\s+at .*?([^/\\(\s]+:\d+:\d+)\)?/.exec(stack)?.[1];
  const syntax = /^(?:file:\/\/)?\S*?([^/\\]+:\d+)\n/.exec(stack)?.[1];
  const where = syntax ?? place;
  const message = withoutVersion(error.message).split("\n", 1)[0];
  return `${error.name}: ${message}${where ? ` (${where})` : ""}`;
}
