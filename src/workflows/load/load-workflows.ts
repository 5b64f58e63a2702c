import { readdirSync, realpathSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, resolve, sep } from "node:path";
import type { WorkflowSource } from "../../model/workflow.ts";
import { addressOf, offerModules, withoutVersion } from "./offer-modules.ts";

/** What a file holds as its default export, not looked at yet; or why it could not be loaded. */
export type LoadedFile = {
  /** Its name in the folder. */
  readonly file: string;
  readonly exported?: unknown;
  readonly problem?: string;
};

/** A file that takes longer waits for something that does not come. */
const LOAD_MS = 10_000;

/** How often files were loaded again in this process. Modules are kept for as long as it lives. */
let versions = 0;

/**
 * A folder of workflows: every `*.ts`, `*.mts` and `*.js` directly in it, except tests (`*.test.ts`) and declarations
 * (`*.d.ts`). What they share can live in folders below.
 * @param closing takes back what the files may import until then.
 * @returns how to load them: the first time as they are known to the process, then anew, with all that they import from
 *   the folder. What was loaded before stays as it is for those that use it. It throws an Error whose message begins with
 *   "Cannot" when there is no such folder.
 */
export function workflowsIn(folder: string, closing: AsyncDisposableStack): () => Promise<readonly LoadedFile[]> {
  closing.defer(offerModules(folder));
  let isLoaded = false;
  return () => {
    const files = workflowFilesIn(folder);
    const version = isLoaded ? ++versions : undefined;
    if (isLoaded) forgetCommonJs(resolve(folder));
    isLoaded = true;
    return loadAll(resolve(folder), files, version);
  };
}

async function loadAll(
  folder: string,
  files: readonly string[],
  version: number | undefined,
): Promise<readonly LoadedFile[]> {
  const loading = new Set(files);
  const sayWhy = () => exitedWhile(loading);
  process.once("exit", sayWhy);
  try {
    return await Promise.all(files.map((file) => load(folder, file, version).finally(() => loading.delete(file))));
  } finally {
    process.off("exit", sayWhy);
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

/** A file that ends the process while it is loaded would do so in silence, and with 0 CI would take it for right. */
function exitedWhile(loading: ReadonlySet<string>): void {
  const files = [...loading].join(", ");
  process.stderr.write(
    `Cannot start. The process was ended while ${files} ${loading.size === 1 ? "was" : "were"} loaded: ` +
      "take process.exit out of what is done outside of `run`.\n",
  );
  process.exitCode ||= 1;
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
      () => reject(new Error(`not loaded after ${LOAD_MS / 1000} s: what does it wait for?`)),
      LOAD_MS,
    );
  });
  try {
    const module = await Promise.race([import(addressOf(join(folder, file), version)), late]);
    if (!("default" in module))
      return { file, problem: 'no default export: write "export default defineWorkflow({ ... })"' };
    return { file, exported: module.default };
  } catch (error) {
    return { file, problem: explained(error) };
  } finally {
    clearTimeout(timer);
  }
}

function explained(error: unknown): string {
  if (!(error instanceof Error)) return `throws ${String(error)} when it is loaded`;
  const stack = withoutVersion(error.stack ?? "");
  const place = /\n\s+at .*?([^/\\(\s]+:\d+:\d+)\)?/.exec(stack)?.[1];
  const syntax = /^(?:file:\/\/)?\S*?([^/\\]+:\d+)\n/.exec(stack)?.[1];
  const where = syntax ?? place;
  const message = withoutVersion(error.message).split("\n", 1)[0];
  return `${error.name}: ${message}${where ? ` (${where})` : ""}`;
}
