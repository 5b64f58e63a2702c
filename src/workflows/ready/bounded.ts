import { type Context, createContext, Script } from "node:vm";
import { PermanentFailure } from "../../index.ts";

/**
 * Patterns that people wrote are tried on names that others chose. Some take for ever on a name that is made for it, and no
 * other run gets its turn meanwhile.
 */
const MAX_MS = 2000;

let world: { readonly script: Script; readonly context: Context } | undefined;

/**
 * Does what must be quick, and gives it up after two seconds: Node ends the matching of a regular expression there, too.
 * @param tried what it is for, as a noun phrase.
 */
export function bounded<Result>(tried: string, work: () => Result, maxMs = MAX_MS): Result {
  world ??= { script: new Script("work()"), context: createContext({}) };
  const { script, context } = world;
  context.work = work;
  try {
    return script.runInContext(context, { timeout: maxMs }) as Result;
  } catch (error) {
    if ((error as { code?: string }).code !== "ERR_SCRIPT_EXECUTION_TIMEOUT") throw error;
    const happened = `its patterns were not through after ${maxMs / 1000} s`;
    throw new PermanentFailure({
      tried,
      happened,
      remedy: "Write simpler patterns, without one repetition in another such as (a+)+.",
      cause: error,
    });
  } finally {
    context.work = undefined;
  }
}
