import pg from "pg";
import type { StoredRun } from "./history.ts";

/** Every run with its attempts, oldest first, from the database of several replicas. */
export async function readHistoryOf(url: string, schema: string): Promise<StoredRun[]> {
  const [runs, attempts] = await Promise.all(
    [`SELECT * FROM ${schema}.runs ORDER BY seq`, `SELECT * FROM ${schema}.attempts ORDER BY run, number`].map((text) =>
      ask(url, text),
    ),
  );
  const attemptsOf = Map.groupBy(attempts ?? [], ({ run }) => run);
  return (runs ?? []).map((row) => ({
    seq: Number(row.seq),
    id: row.id,
    group: row.grp,
    revision: JSON.parse(row.input).revision,
    status: row.status,
    acceptedAt: Number(row.accepted_at),
    begun: row.attempts,
    reason: row.reason ?? undefined,
    supersededBy: row.superseded_by ?? undefined,
    attempts: (attemptsOf.get(row.seq) ?? []).map((attempt) => ({
      number: attempt.number,
      startedAt: Number(attempt.started_at),
      endedAt: Number(attempt.ended_at),
      outcome: attempt.outcome,
    })),
  }));
}

/** The rows of one statement, on a new connection. */
export async function ask(
  url: string,
  text: string,
  values: readonly unknown[] = [],
  // biome-ignore lint/suspicious/noExplicitAny: tests look into rows freely
): Promise<any[]> {
  const client = new pg.Client({ connectionString: url });
  client.on("error", () => {});
  await client.connect();
  try {
    return (await client.query(text, [...values])).rows;
  } finally {
    await client.end();
  }
}
