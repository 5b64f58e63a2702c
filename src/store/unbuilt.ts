import type { RunStore } from "../model/store.ts";

/** What is not built yet. */
export function unbuilt<Name extends keyof RunStore>(...names: readonly Name[]): Pick<RunStore, Name> {
  const missing = (name: string) => () => Promise.reject(new Error(`${name} is not built yet`));
  return Object.fromEntries(names.map((name) => [name, missing(name)])) as unknown as Pick<RunStore, Name>;
}
