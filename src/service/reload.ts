import type { Log } from "../model/log.ts";
import { watchFolder } from "./watch-folder.ts";
import { countsAsWorkflows } from "./workflow-versions.ts";
import type { LoadedWorkflows } from "./workflows.ts";

/** Two checks must agree, so a change is loaded after one to two of these. */
const LOOK_EVERY_MS = 1000;

/** Retry after a problem that is not in the files, such as a full disk. */
const RETRY_MS = 30_000;

/**
 * Loads the workflows again when the content of their folder changes. Does not load the same content twice.
 * @returns a function that stops it; resolves when no load is active.
 */
export function reloadOnChange(
  dir: string,
  { loaded, reload, log }: { loaded: LoadedWorkflows; reload: () => Promise<unknown>; log: Log },
): () => Promise<void> {
  let under = Promise.resolve();
  let retry: NodeJS.Timeout | undefined;
  let isClosed = false;
  let told = "";
  const stopWatching = watchFolder(dir, load, { counts: countsAsWorkflows, everyMs: LOOK_EVERY_MS });
  // Loads changes between the first load and the first check.
  load();

  function load(): void {
    clearTimeout(retry);
    under = under.then(async () => {
      if (isClosed) return;
      try {
        if (!loaded.hasChanged()) return;
        await reload();
        const { broken, outdated, workflows } = loaded.current;
        const files = { broken: broken.length, outdated: outdated.length };
        log.info({ workflows: workflows.length, ...files }, "the workflows were reloaded");
        told = "";
      } catch (err) {
        const { message } = err as Error;
        if (message !== told) log.warn({ err }, "the workflows cannot be reloaded: the previous ones run");
        told = message;
        retry = setTimeout(load, RETRY_MS).unref();
      }
    });
  }

  return async () => {
    isClosed = true;
    stopWatching();
    clearTimeout(retry);
    await under;
  };
}
