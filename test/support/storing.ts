import { randomUUID } from "node:crypto";
import { openSync, writeSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { systemClock } from "../../src/model/clock.ts";
import { openSqliteStore } from "../../src/store/sqlite/store.ts";

/**
 * Stores events, claims and settles their runs, and records the store's answers in the file "answered" of its
 * folder. A separate program, because tests kill it: `storing.ts FOLDER EVENTS IN_PARALLEL BYTES [end]`. With `end` it closes the
 * store, without it the process kills itself.
 */
const [folder = "", events, inParallel, bytes, ending] = process.argv.slice(2);
const store = openSqliteStore(folder, systemClock);
const answered = openSync(join(folder, "answered"), "a");
const tell = (what: string, id: string) => writeSync(answered, `${what} ${id}\n`);
const input = { text: "x".repeat(Number(bytes)) };
const lease = () => ({ owner: "one", now: Date.now(), leaseMs: 60_000 });

let left = Number(events);
async function storeSome(): Promise<void> {
  while (left-- > 0) {
    const id = randomUUID();
    const event = { id, workflow: "deploy", group: `group-${left % 20}`, input, ownToken: false };
    try {
      await store.accept(event, { ...lease(), take: false });
      tell("accepted", id);
      for (const claim of await store.claim({ ...lease(), limit: 1 })) {
        const { id: run } = claim.run;
        tell("claimed", run);
        const attempt = {
          number: claim.attempt,
          startedAt: Date.now(),
          endedAt: Date.now(),
          outcome: "success" as const,
        };
        const nothing = { reason: undefined, kind: undefined, githubRequestId: undefined };
        const success = { status: "success", outputs: { done: true }, dedupeKey: undefined } as const;
        if (await store.settle(claim, { ...attempt, ...nothing }, success)) tell("settled", run);
      }
    } catch (error) {
      if ((error as Error).name !== "StoreUnavailable") throw error;
      tell("rejected", id);
      // Waits a moment before the next event.
      await wait(20);
    }
  }
}
await Promise.all(Array.from({ length: Number(inParallel) }, storeSome));
if (ending === "end") await store.close();
else process.kill(process.pid, "SIGKILL");
