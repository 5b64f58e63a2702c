import { constants, type PerformanceEntry, type PerformanceNodeEntry, PerformanceObserver } from "node:perf_hooks";
import { getHeapStatistics } from "node:v8";

/** What a connection takes of the heap in a flood, bytes. With 30 kB, the 2,500 callers of test/flood.test.ts ended the process. */
const CONNECTION_BYTES = 40_000;

/** So much of its limit the heap may hold: V8 ends the process at nine tenths, and a tenth more is needed when all are answered at once. */
const HELD = 3 / 4;

/** A full heap leaves room for these, so that a probe can ask for the health. */
const FEWEST_CONNECTIONS = 50;

/** How many connections may be open in a heap that holds so many bytes with those that are open now. */
export function connectionsFor(open: number, heldBytes: number, limitBytes: number): number {
  return Math.max(FEWEST_CONNECTIONS, open + Math.floor((HELD * limitBytes - heldBytes) / CONNECTION_BYTES));
}

/**
 * Says how many connections the heap has room for: at once, and again after each full collection, the only moment at which it is
 * known what the heap holds. What a workflow keeps there leaves room for fewer.
 */
export function watchHeapRoom(
  open: () => number,
  onRoom: (connections: number) => void,
): {
  /** Looks for more room when little is left: the first look counts the garbage of the start. */
  readonly findMore: () => void;
  readonly end: () => void;
} {
  let countsGarbage = true;
  const look = () => {
    const { used_heap_size, heap_size_limit } = getHeapStatistics();
    onRoom(connectionsFor(open(), used_heap_size, heap_size_limit));
  };
  const observer = new PerformanceObserver((list) => {
    const isFull = (entry: PerformanceEntry) =>
      (entry as PerformanceNodeEntry).detail.kind === constants.NODE_PERFORMANCE_GC_MAJOR;
    if (!list.getEntries().some(isFull)) return;
    countsGarbage = false;
    look();
  });
  look();
  observer.observe({ entryTypes: ["gc"] });
  return {
    findMore() {
      if (countsGarbage) void collectGarbage();
      countsGarbage = false;
    },
    end: () => observer.disconnect(),
  };
}

/**
 * Node's permission model may forbid it: V8's next collection then says how much room there is.
 * @see https://chromedevtools.github.io/devtools-protocol/v8/HeapProfiler/#method-collectGarbage
 */
async function collectGarbage(): Promise<void> {
  try {
    const { Session } = await import("node:inspector/promises");
    const session = new Session();
    session.connect();
    await session.post("HeapProfiler.collectGarbage").finally(() => session.disconnect());
  } catch {}
}
