import { isOutage } from "./connect.ts";

/** A larger transaction would take too long for its waiting callers. */
const MAX_BATCH = 200;

/**
 * If the database takes longer than this to report that it is not available, callers behind do not wait for the same
 * result.
 */
const PATIENCE_MS = 2000;

type Waiting<Item, Result> = { item: Item; resolve(result: Result): void; reject(error: unknown): void };

/**
 * Combines requests that arrive during a transaction into the next one, so that a burst needs few transactions. If one
 * item is invalid, each is tried alone, and that item rejects with its error. If the database is not available, the
 * waiting items reject with the same error.
 * @param work does the items, and calls `done` for each one when it is stored. If it rejects, only those items
 * are done.
 */
export function gathered<Item, Result>(
  work: (items: readonly Item[], done: (item: Item, result: Result) => void) => Promise<void>,
): (item: Item) => Promise<Result> {
  let waiting: Waiting<Item, Result>[] = [];
  let busy = false;

  async function go(): Promise<void> {
    busy = true;
    while (waiting.length > 0) {
      const batch = waiting.slice(0, MAX_BATCH);
      waiting = waiting.slice(MAX_BATCH);
      await carryOut(batch);
    }
    busy = false;
  }

  async function carryOut(batch: readonly Waiting<Item, Result>[]): Promise<void> {
    const since = performance.now();
    const open = new Map(batch.map((one) => [one.item, one]));
    try {
      await work([...open.keys()], (item, result) => {
        open.get(item)?.resolve(result);
        open.delete(item);
      });
    } catch (error) {
      const left = [...open.values()];
      if (left.length > 1 && !isOutage(error)) for (const one of left) await carryOut([one]);
      else {
        const behind = performance.now() - since > PATIENCE_MS ? waiting : [];
        waiting = waiting.slice(behind.length);
        for (const { reject } of [...left, ...behind]) reject(error);
      }
    }
  }

  return (item) =>
    new Promise((resolve, reject) => {
      waiting.push({ item, resolve, reject });
      if (!busy) {
        busy = true;
        setImmediate(() => void go());
      }
    });
}
