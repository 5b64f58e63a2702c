import { copyFileSync, existsSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

export type StoredAttempt = {
  readonly number: number;
  readonly startedAt: number;
  readonly endedAt: number;
  readonly outcome: string;
};

/** One run as the database file has it. */
export type StoredRun = {
  readonly seq: number;
  readonly id: string;
  readonly group: string;
  readonly revision: string | undefined;
  readonly status: string;
  readonly acceptedAt: number;
  /** Attempts that began. */
  readonly begun: number;
  readonly reason: string | undefined;
  readonly supersededBy: string | undefined;
  readonly attempts: readonly StoredAttempt[];
};

const FILE = "gh-runner.sqlite";

/** Every run with its attempts, oldest first, read from the database file while the service runs or after it. */
export function readHistory(folder: string): StoredRun[] {
  return withDatabase(join(folder, FILE), (db) => {
    const attempts = Map.groupBy(db.prepare("SELECT * FROM attempts ORDER BY run, number").all(), ({ run }) => run);
    return db
      .prepare("SELECT * FROM runs ORDER BY seq")
      .all()
      .map((row) => ({
        seq: row.seq as number,
        id: row.id as string,
        group: row.grp as string,
        revision: JSON.parse(row.input as string).revision,
        status: row.status as string,
        acceptedAt: row.accepted_at as number,
        begun: row.attempts as number,
        reason: (row.reason as string | null) ?? undefined,
        supersededBy: (row.superseded_by as string | null) ?? undefined,
        attempts: (attempts.get(row.seq as number) ?? []).map((attempt) => ({
          number: attempt.number as number,
          startedAt: attempt.started_at as number,
          endedAt: attempt.ended_at as number,
          outcome: attempt.outcome as string,
        })),
      }));
  });
}

/** How many runs are queued or running. Runs that wait do not count. */
export function unfinished(folder: string): number {
  return withDatabase(join(folder, FILE), (db) =>
    Number(db.prepare("SELECT count(*) AS n FROM runs WHERE status IN ('queued', 'running')").get()!.n),
  );
}

/** What SQLite's check reports about the file: `ok`, or what is wrong. */
export function integrity(folder: string): string {
  return withDatabase(join(folder, FILE), (db) => String(db.prepare("PRAGMA integrity_check").get()!.integrity_check));
}

/**
 * Copies the database as a dead process left it, so that reading it does not change it for the next process.
 * Returns a function that lists the attempts (`run id`/`number`) that are running in the copy.
 */
export function snapshotOf(folder: string, into: string): () => string[] {
  const copy = join(into, FILE);
  for (const suffix of ["", "-wal"]) {
    if (existsSync(join(folder, FILE + suffix))) copyFileSync(join(folder, FILE + suffix), copy + suffix);
  }
  return () => {
    if (!existsSync(copy)) return [];
    const db = new DatabaseSync(copy);
    try {
      const hasRuns = db.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'runs'").get();
      if (!hasRuns) return [];
      const running = db.prepare("SELECT id, attempts FROM runs WHERE status = 'running' ORDER BY seq").all();
      return running.map(({ id, attempts }) => `${id}/${attempts}`);
    } finally {
      db.close();
    }
  };
}

function withDatabase<T>(file: string, read: (db: DatabaseSync) => T): T {
  const db = new DatabaseSync(file, { readOnly: true, timeout: 5000 });
  try {
    return read(db);
  } finally {
    db.close();
  }
}
