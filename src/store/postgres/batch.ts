import { isOutage } from "./connect.ts";

/** A transaction of more takes longer than those who wait for it like. */
const MOST_AT_ONCE = 200;

/** When a database that is away takes longer to show it, those who wait behind are not made to wait for it as well. */
const PATIENCE_MS = 2000;

type Waiting<Item, Result> = { item: Item; resolve(result: Result): void; reject(error: unknown): void };

/**
 * Gathers what is asked for while a transaction is under way into the next one, so that a burst costs few of them.
 * When one item is wrong in itself, each is tried alone, and that one is rejected with its own error. When the database
 * is away, so are those that wait, with the error of those before them.
 * @param work does the items, and passes on the result of each as soon as it is stored. Those that it has passed on when it
 * rejects are done; of the others, nothing is.
 */
export function gathered<Item, Result>(
  work: (items: readonly Item[], done: (item: Item, result: Result) => void) => Promise<void>,
): (item: Item) => Promise<Result> {
  let waiting: Waiting<Item, Result>[] = [];
  let busy = false;

  async function go(): Promise<void> {
    busy = true;
    while (waiting.length > 0) {
      const batch = waiting.slice(0, MOST_AT_ONCE);
      waiting = waiting.slice(MOST_AT_ONCE);
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
