import { constants, type PerformanceEntry, type PerformanceNodeEntry, PerformanceObserver } from "node:perf_hooks";
import { getHeapStatistics } from "node:v8";

/** A connection whose event waits for the disk takes 22 to 31 kB of the heap (measured); in a flood with a quick disk, it takes up to 40. */
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
  /** Looks for more room, when little is left: what was seen first counts the garbage of the start. */
  readonly findMore: () => void;
  readonly end: () => void;
} {
  let isFirst = true;
  const look = () => {
    const { used_heap_size, heap_size_limit } = getHeapStatistics();
    onRoom(connectionsFor(open(), used_heap_size, heap_size_limit));
  };
  const observer = new PerformanceObserver((list) => {
    const isFull = (entry: PerformanceEntry) =>
      (entry as PerformanceNodeEntry).detail.kind === constants.NODE_PERFORMANCE_GC_MAJOR;
    if (list.getEntries().some(isFull)) look();
  });
  look();
  observer.observe({ entryTypes: ["gc"] });
  return {
    findMore() {
      if (isFirst) void collectGarbage();
      isFirst = false;
    },
    end: () => observer.disconnect(),
  };
}

/**
 * Node's permission model may forbid it: then the next collection of V8's own says how much room there is.
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
