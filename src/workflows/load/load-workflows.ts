import { AsyncLocalStorage } from "node:async_hooks";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, realpathSync } from "node:fs";
import { createRequire, syncBuiltinESMExports } from "node:module";
import { dirname, join, resolve, sep } from "node:path";
import type { WorkflowSource } from "../../model/workflow-file.ts";
import { importFile } from "./import-file.ts";
import { addressOf, offerModules, withoutVersion } from "./offer-modules.ts";

/** What a file holds as its default export, not looked at yet; or why it could not be loaded. */
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

/** A file that takes longer waits for something that does not come. */
const LOAD_MS = 10_000;

/** How often files were loaded again in this process. Modules are kept for as long as it lives. */
let versions = 0;

/**
 * A folder of workflows: every `*.ts`, `*.mts` and `*.js` directly in it, except tests (`*.test.ts`) and declarations
 * (`*.d.ts`). What they share can live in folders below.
 * @param closing takes back what the files may import until then.
 * @returns how to load them: the first time as they are known to the process, then again, with all that they import from
 *   the folder. What was loaded before stays as it is for those that use it. It throws an Error whose message begins with
 *   "Cannot" when there is no such folder.
 */
export function workflowsIn(folder: string, closing: AsyncDisposableStack): () => Promise<readonly LoadedFile[]> {
  const place = realPath(folder);
  closing.defer(offerModules(place));
  closing.defer(refuseExit());
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
 * Folders of workflows below one, each of which never changes.
 * @returns how to load one of them, by its name, apart from some of its files.
 */
export function workflowsBelow(
  root: string,
  closing: AsyncDisposableStack,
): (name: string, without?: ReadonlySet<string>) => Promise<readonly LoadedFile[]> {
  const place = realPath(root);
  closing.defer(offerModules(place));
  closing.defer(refuseExit());
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

/** Where symbolic links lead to, since Node names modules so. A folder that is missing is reported when it is read. */
function realPath(folder: string): string {
  try {
    return realpathSync(folder);
  } catch {
    return resolve(folder);
  }
}

/** Those are kept by their path. */
function forgetCommonJs(folder: string): void {
  const { cache } = createRequire(import.meta.url);
  for (const path of Object.keys(cache)) {
    if (path.startsWith(folder + sep) && !path.includes("/node_modules/")) delete cache[path];
  }
}

/** Where the code of a workflow is found in a stack; undefined when it comes from no file of the folder. */
export function sourceIn(folder: string | undefined, file: string | undefined): WorkflowSource | undefined {
  if (folder === undefined || file === undefined) return undefined;
  try {
    const path = realpathSync(join(folder, file));
    return { file, path, folder: dirname(path) };
  } catch {
    return undefined;
  }
}

/** What files do while they are loaded is done in its name; timers that they leave keep it. */
const loading = new AsyncLocalStorage<{ isOver: boolean }>();

/** A file that ends the process while it is loaded is broken like any other. @returns how to undo it. */
function refuseExit(): () => void {
  const original = process.exit;
  const refuse = (code?: string | number | null) => {
    if (loading.getStore()?.isOver ?? true) return original(code);
    const error = new Error("process.exit is called outside of `run`: remove it");
    Error.captureStackTrace(error, refuse);
    throw error;
  };
  process.exit = refuse;
  syncBuiltinESMExports();
  return () => {
    if (process.exit === refuse) process.exit = original;
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

/** Tells one version of a workflow's code from another. */
export function codeVersion(code: Uint8Array | string): string {
  return createHash("sha256").update(code).digest("hex").slice(0, 12);
}

/** The place is that in the file itself, where it is known: what the file calls may have thrown. */
function explained(error: unknown, file: string): string {
  if (!(error instanceof Error)) return `throws ${String(error)} while loading`;
  const stack = withoutVersion(error.stack ?? "");
  const own = new RegExp(`\\n\\s+at .*?[/\\\\(](${RegExp.escape(file)}:\\d+:\\d+)\\)?`).exec(stack)?.[1];
  const place = own ?? /\n\s+at .*?([^/\\(\s]+:\d+:\d+)\)?/.exec(stack)?.[1];
  const syntax = /^(?:file:\/\/)?\S*?([^/\\]+:\d+)\n/.exec(stack)?.[1];
  const where = syntax ?? place;
  const message = withoutVersion(error.message).split("\n", 1)[0];
  return `${error.name}: ${message}${where ? ` (${where})` : ""}`;
}
