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
 * @param work does all of the items or none, and resolves with their results in order.
 */
export function gathered<Item, Result>(
  work: (items: readonly Item[]) => Promise<readonly Result[]>,
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
    try {
      const results = await work(batch.map(({ item }) => item));
      for (const [at, { resolve }] of batch.entries()) resolve(results[at] as Result);
    } catch (error) {
      if (batch.length > 1 && !isOutage(error)) for (const one of batch) await carryOut([one]);
      else {
        const behind = performance.now() - since > PATIENCE_MS ? waiting : [];
        waiting = waiting.slice(behind.length);
        for (const { reject } of [...batch, ...behind]) reject(error);
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
