import { constants, type PerformanceEntry, type PerformanceNodeEntry, PerformanceObserver } from "node:perf_hooks";
import { getHeapStatistics } from "node:v8";

/** Heap per connection in a flood, bytes. With 30 kB, the 2,500 callers of test/flood.test.ts ended the process. */
const CONNECTION_BYTES = 40_000;

/** The share of its limit that the heap may hold. V8 ends the process at nine tenths. Answering all together takes another tenth. */
const HELD = 3 / 4;

/** Even a full heap allows this many, so that a probe can request /health. */
const FEWEST_CONNECTIONS = 50;

/** How many connections may be open. `heldBytes` is what the heap holds with the connections that are open now. */
export function connectionsFor(open: number, heldBytes: number, limitBytes: number): number {
  return Math.max(FEWEST_CONNECTIONS, open + Math.floor((HELD * limitBytes - heldBytes) / CONNECTION_BYTES));
}

/**
 * Calls `onRoom` with the number of connections that the heap has room for: immediately, and after each full garbage collection.
 * Only then is it known what the heap holds. If workflows keep data in the heap, there is room for fewer connections.
 */
export function watchHeapRoom(
  open: () => number,
  onRoom: (connections: number) => void,
): {
  /** Collects garbage to find more room. The first count includes the garbage of the start. */
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
 * Node's permission model may forbid this. Then V8's next collection shows how much room there is.
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
