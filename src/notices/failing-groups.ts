import type { ListedRun } from "../model/run.ts";
import type { RunStore } from "../model/store.ts";

/** Bounds the memory and the start; beyond it a recovery goes unsaid. */
const MAX_GROUPS = 1000;
const PAGE = 100;

/** The concurrency groups whose latest run failed; a run without a group is one of its own. Known from the history, too. */
export function failingGroups(store: Pick<RunStore, "list">) {
  const failing = new Set<string>();
  const seeded = seed().catch(() => {});

  /** What failed before this process began: groups whose newest ended run is a failure. */
  async function seed(): Promise<void> {
    const seen = new Set<string>();
    let cursor: string | undefined;
    do {
      const { runs, next } = await store.list({ status: "failure" }, { limit: PAGE, cursor });
      for (const run of runs) {
        if (seen.has(keyOf(run))) continue;
        seen.add(keyOf(run));
        if (await isLatest(run)) failing.add(keyOf(run));
      }
      cursor = next;
    } while (cursor !== undefined && seen.size < MAX_GROUPS);
  }

  async function isLatest(failed: ListedRun): Promise<boolean> {
    const { workflow, group, endedAt = 0 } = failed;
    if (group === undefined) return true;
    const { runs } = await store.list({ workflow, group, status: "success" }, { limit: 1 });
    return (runs[0]?.endedAt ?? 0) < endedAt;
  }

  return {
    async failed(run: ListedRun): Promise<void> {
      await seeded;
      if (failing.size < MAX_GROUPS) failing.add(keyOf(run));
    },
    /** Whether the group was failing until this run. */
    async recovered(run: ListedRun): Promise<boolean> {
      await seeded;
      return failing.delete(keyOf(run));
    },
  };
}

const keyOf = ({ workflow, group, id }: ListedRun): string => (group === undefined ? id : `${workflow}\n${group}`);
