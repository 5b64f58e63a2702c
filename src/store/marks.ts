import type { Json } from "../model/run.ts";
import type { RunStore } from "../model/store.ts";
import { hasSlot } from "./queries.ts";
import type { Asked } from "./reads.ts";

/**
 * What the processes remember together, and the runs for which they watch. A power failure may lose the latest marks.
 * They store progress, and repeating that work must be harmless.
 */
export function marks({ dialect, read, change }: Asked): Pick<RunStore, "mark" | "setMark" | "watched"> {
  const { schema, hint } = dialect;
  const set = `INSERT INTO ${schema}.marks (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value`;
  const watched = `SELECT runs.id AS run, key, accepted_at AS since FROM ${schema}.wake_keys ${hint("watched")}
    JOIN ${schema}.runs ON runs.seq = wake_keys.run
    WHERE substr(key, 1, 13) = 'workflow_run ' AND ${hasSlot("runs")} ORDER BY runs.seq, key`;
  return {
    async mark(name) {
      const [row] = await read(`SELECT value FROM ${schema}.marks WHERE name = $1 AND value IS NOT NULL`, [name]);
      return row && (JSON.parse(row.value as string) as Json);
    },
    setMark: (name, value) => change([set, [name, JSON.stringify(value)]]),
    async watched() {
      const rows = await read(watched);
      return rows.map(({ run, key, since }) => ({ run: run as string, key: key as string, since: since as number }));
    },
  };
}
