import type { RunStore } from "../../src/model/store.ts";

/** The same store, which also reports whether a call is pending. A test moves the clock only when none is. */
export function counted(store: RunStore): { readonly store: RunStore; isBusy(): boolean } {
  let busy = 0;
  const counting = new Proxy(store, {
    get(target, name) {
      const value = Reflect.get(target, name);
      if (typeof value !== "function") return value;
      return (...given: unknown[]) => {
        const result = value.apply(target, given);
        if (!(result instanceof Promise)) return result;
        busy++;
        return result.finally(() => busy--);
      };
    },
  });
  return { store: counting, isBusy: () => busy > 0 };
}
