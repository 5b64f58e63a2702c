import { createHash } from "node:crypto";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import pg from "pg";
import { CLIENT_OPTIONS } from "../src/store/postgres/client.ts";
import { indexPostgres, indexSqlite, type Runs } from "./history-search.ts";

/** A long history, written with a few statements instead of run by run: 10 million runs in minutes. */
export type History = {
  readonly count: number;
  readonly days: number;
  /** When the newest run came, epoch milliseconds. */
  readonly now: number;
};

const RUNS_PER_TRANSACTION = 20_000;
const DAY_MS = 86_400_000;

export const idOf = (nth: number): string =>
  createHash("md5")
    .update(`run ${nth}`)
    .digest("hex")
    .replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");

/** The differences between the two databases. */
type Words = {
  readonly schema: string;
  /** The numbers from $1 to $2, as `n`. */
  readonly series: string;
  id(nth: string): string;
  hash(nth: string): string;
  /** A column before the counts of an hour, or nothing. */
  readonly shard: string;
};

/**
 * Seven of ten runs are of environment-ready, with a new application every fifty runs. One of twenty is of an
 * application that stays. Two of ten are of a webhook, with an input of 300 bytes. One of ten is of a schedule. One in
 * 100,000 is of a workflow that has not run recently. The columns are as the service leaves them. Parameters: the first
 * run ($1), the last ($2), when the very first run came ($3), the microseconds between runs ($4), and the last number
 * with runs of the rare workflow ($5).
 */
function statements({ schema, series, id, hash, shard }: Words) {
  const application = "CASE WHEN n % 20 = 3 THEN 'pr-staging' ELSE 'pr-' || (1000 + n / 50 + n % 7) END";
  const commit = hash("n");
  const runs = `INSERT INTO ${schema}.runs (seq, id, workflow, grp, slot, input, own_token, status, accepted_at, retries_from, due_at, started_at,
      ended_at, attempts, outputs, reason, http, kind, trigger_kind, actor, superseded_by)
    SELECT n, ${id("n")}, workflow, grp, workflow || CAST(chr(10) AS text) || grp,
      CASE workflow WHEN 'environment-ready' THEN '{"application":"' || grp || '"}'
        WHEN 'labeler' THEN '{"name":"pull_request","delivery":"' || ${id("n")} || '","payload":{"action":"opened","number":' || (n % 5000) || ',"pull_request":{"number":' || (n % 5000)
          || ',"title":"Check the basket of shop ' || (n % 12) || '","head":{"sha":"' || ${commit} || '","ref":"feature/' || n || '"}},"repository":{"full_name":"acme/shop-' || (n % 12) || '"},"sender":{"login":"dev-' || (n % 40) || '"}}}'
        ELSE '{}' END,
      0, status, at, at, at, CASE WHEN status = 'superseded' THEN NULL ELSE at END, at + 90 + n % 900,
      CASE WHEN status = 'superseded' THEN 0 ELSE 1 END,
      CASE WHEN status <> 'success' THEN NULL WHEN workflow = 'environment-ready' THEN '{"commitHash":"' || ${commit} || '","sourceName":"' || grp || '"}'
        ELSE '{"rows":' || (n % 9000) || '}' END,
      CASE status WHEN 'failure' THEN 'Looking up ' || coalesce(grp, workflow) || ' in acme/deployment failed: there is no configs/pr/light/' || coalesce(grp, workflow)
          || '/values.yaml. Check the application''s name, DEPLOYMENT_REPO, VALUES_PATHS, and the branch (DEPLOYMENT_REF).'
        WHEN 'skipped' THEN 'application name doesn''t start with ''pr-''' WHEN 'cancelled' THEN 'cancelled by alice' ELSE NULL END,
      CASE status WHEN 'failure' THEN 404 ELSE NULL END, CASE status WHEN 'failure' THEN 'permanent' ELSE NULL END,
      CASE workflow WHEN 'environment-ready' THEN 'http' WHEN 'labeler' THEN 'github' WHEN 'nightly-report' THEN 'schedule' ELSE 'manual' END,
      CASE workflow WHEN 'environment-ready' THEN 'token argocd' WHEN 'labeler' THEN 'GitHub webhook' WHEN 'nightly-report' THEN 'schedule' ELSE 'token alice' END,
      CASE status WHEN 'superseded' THEN ${id("n + 3")} ELSE NULL END
    FROM (SELECT n, at, status, workflow, CASE workflow WHEN 'environment-ready' THEN ${application} ELSE NULL END AS grp
      FROM (SELECT n, $3 + n * $4 / 1000 AS at,
          CASE WHEN n % 100 < 4 THEN 'failure' WHEN n % 100 < 6 THEN 'skipped' WHEN n % 100 < 7 THEN 'cancelled' WHEN n % 100 = 10 OR n % 100 = 11 THEN 'superseded' WHEN n % 100 = 17 THEN 'failure'
            ELSE 'success' END AS status,
          CASE WHEN n % 100000 = 50 AND n < $5 THEN 'release' WHEN n % 10 < 7 THEN 'environment-ready' WHEN n % 10 < 9 THEN 'labeler' ELSE 'nightly-report' END AS workflow
        FROM ${series} AS numbers) AS timed) AS grouped ORDER BY n`;
  const attempts = `INSERT INTO ${schema}.attempts (run, number, started_at, ended_at, outcome, reason, kind, github_request_id, code, sent)
    SELECT seq, 1, started_at, ended_at, status, reason, kind, CASE status WHEN 'success' THEN '5EED:' || seq ELSE NULL END, '6ad9613a4557',
      CASE WHEN status = 'success' AND workflow = 'environment-ready' THEN '{"count":1,"requests":[{"at":' || started_at
        || ',"method":"POST","path":"/repos/acme/shop/dispatches","body":"{\\"event_type\\":\\"environment_ready\\",\\"client_payload\\":{\\"commitHash\\":\\"'
        || ${hash("seq")} || '\\",\\"sourceName\\":\\"' || grp || '\\"}}","status":204}]}' ELSE NULL END
    FROM ${schema}.runs WHERE seq >= $1 AND seq <= $2 AND started_at IS NOT NULL ORDER BY seq`;
  const hours = `INSERT INTO ${schema}.ended_by_hour (hour, ${shard === "" ? "" : "shard,"} success, failure, skipped)
    SELECT ended_at / 3600000, ${shard} sum(CASE status WHEN 'success' THEN 1 ELSE 0 END), sum(CASE status WHEN 'failure' THEN 1 ELSE 0 END),
      sum(CASE status WHEN 'skipped' THEN 1 ELSE 0 END) FROM ${schema}.runs WHERE status <> 'superseded' AND status <> 'cancelled' GROUP BY 1`;
  return { runs, attempts, hours };
}

/** As integers: SQLite would treat numbers as floating point. */
const bound = (...values: readonly number[]) =>
  Object.fromEntries(values.map((value, at) => [`$${at + 1}`, BigInt(value)]));

function bounds({ count, days, now }: History): { first: number; everyUs: number; seldomUntil: number } {
  return {
    first: now - days * DAY_MS,
    everyUs: Math.floor((days * DAY_MS * 1000) / count),
    seldomUntil: Math.floor(count * 0.9),
  };
}

/** Access to a database without the service. */
export type Filled = {
  count(): Promise<number>;
  /** @param says called with the progress. */
  fill(history: History, says: (done: number) => void): Promise<void>;
  /**
   * Fills the search index in large transactions, for this many of the newest runs, except the `left` oldest of them.
   * Resolves with their number.
   */
  fillIndex(most: number, left: number, says: (done: number) => void): Promise<number>;
  /** Queues only those of this many newest runs that are not in the index. Resolves with their number. */
  queueForSearch(most: number): Promise<number>;
  /** How many runs are in that queue. */
  queued(): Promise<number>;
  /** When the oldest run came, epoch milliseconds. */
  oldest(): Promise<number>;
  /** Bytes of each table and index. */
  sizes(): Promise<ReadonlyMap<string, number>>;
  /** How much can be written before the files grow, in words. */
  free(): Promise<string>;
};

async function filledIndex(runs: Runs, fill: (runs: Runs) => Promise<void>): Promise<number> {
  if (runs.to < runs.from) return 0;
  await fill(runs);
  return runs.to - runs.from + 1;
}

/** The database of a folder that the service has created. */
export function filledSqlite(folder: string): Filled {
  const using = async <T>(work: (db: DatabaseSync) => T | Promise<T>): Promise<T> => {
    const db = new DatabaseSync(join(folder, "gh-runner.sqlite"), { timeout: 10_000 });
    try {
      db.exec("PRAGMA synchronous = OFF; PRAGMA foreign_keys = OFF; PRAGMA cache_size = -500000");
      return await work(db);
    } finally {
      db.close();
    }
  };
  const one = (text: string) => using((db) => Number(Object.values(db.prepare(text).get() ?? {})[0]));
  return {
    count: async () => one("SELECT count(*) FROM runs"),
    fill: async (history, says) => using((db) => fillSqlite(db, history, says)),
    fillIndex: (most, left, says) =>
      using(async (db) => {
        const of = (text: string) => Number(Object.values(db.prepare(text).get() ?? {})[0]);
        const newest = of("SELECT max(seq) FROM runs");
        const to = of("SELECT coalesce((SELECT min(id) - 1 FROM search_docsize), (SELECT max(seq) FROM runs))");
        return filledIndex({ from: Math.max(1, newest - most + 1) + left, to }, (runs) => indexSqlite(db, runs, says));
      }),
    queued: async () => one("SELECT count(*) FROM search_queue"),
    async queueForSearch(most) {
      return using((db) => {
        db.exec(`DELETE FROM search_queue;
          INSERT INTO search_queue SELECT seq FROM runs WHERE seq > (SELECT max(seq) FROM runs) - ${most}
            AND seq NOT IN (SELECT id FROM search_docsize)`);
        return Number(db.prepare("SELECT count(*) AS runs FROM search_queue").get()?.runs);
      });
    },
    oldest: async () => one("SELECT min(accepted_at) FROM (SELECT accepted_at FROM runs ORDER BY seq LIMIT 1)"),
    sizes: async () =>
      using((db) => {
        const rows = db
          .prepare("SELECT name, sum(pgsize) AS bytes FROM dbstat WHERE aggregate = TRUE GROUP BY name")
          .all();
        return new Map(rows.map(({ name, bytes }) => [String(name), Number(bytes)]));
      }),
    async free() {
      return using((db) => {
        const of = (name: string) => Number(db.prepare(`PRAGMA ${name}`).get()?.[name]);
        return `${((of("freelist_count") * of("page_size")) / 1e6).toFixed(1)} MB of ${((of("page_count") * of("page_size")) / 1e6).toFixed(1)} MB are free pages`;
      });
    },
  };
}

function fillSqlite(db: DatabaseSync, history: History, says: (done: number) => void): void {
  db.function("run_id", { deterministic: true }, (nth) => idOf(Number(nth)));
  db.function("hash", { deterministic: true }, (nth) =>
    createHash("sha256").update(String(nth)).digest("hex").slice(0, 40),
  );
  db.function("chr", { deterministic: true }, (code) => String.fromCharCode(Number(code)));
  // Without the trigger, because it would queue each run for the search.
  const { sql: trigger } = db.prepare("SELECT sql FROM sqlite_schema WHERE name = 'search_new'").get() as {
    sql: string;
  };
  db.exec("DROP TRIGGER search_new");
  const series =
    "(WITH RECURSIVE numbers(n) AS (SELECT $1 UNION ALL SELECT n + 1 FROM numbers WHERE n < $2) SELECT n FROM numbers)";
  const words = {
    schema: "main",
    series,
    id: (nth: string) => `run_id(${nth})`,
    hash: (nth: string) => `hash(${nth})`,
  };
  const { runs, attempts, hours } = statements({ ...words, shard: "" });
  const { first, everyUs, seldomUntil } = bounds(history);
  const [addRuns, addAttempts] = [db.prepare(runs), db.prepare(attempts)];
  for (let from = 1; from <= history.count; from += RUNS_PER_TRANSACTION) {
    const to = Math.min(history.count, from + RUNS_PER_TRANSACTION - 1);
    db.exec("BEGIN");
    addRuns.run(bound(from, to, first, everyUs, seldomUntil));
    addAttempts.run(bound(from, to));
    db.exec("COMMIT");
    says(to);
  }
  db.exec(hours);
  db.exec(trigger);
}

/** The schema of a database that the service has created. */
export function filledPostgres(url: string, schema: string): Filled {
  const using = async <T>(work: (client: pg.Client) => Promise<T>): Promise<T> => {
    const client = new pg.Client({ ...CLIENT_OPTIONS, connectionString: url });
    await client.connect();
    try {
      return await work(client);
    } finally {
      await client.end();
    }
  };
  const one = (text: string) =>
    using(async (client) => Number(Object.values((await client.query(text)).rows[0] ?? {})[0]));
  return {
    count: () => one(`SELECT count(*) FROM ${schema}.runs`),
    fill: (history, says) => using((client) => fillPostgres(client, schema, history, says)),
    fillIndex: (most, left, says) =>
      using(async (client) => {
        const { rows } = await client.query(`SELECT (SELECT max(seq) FROM ${schema}.runs) AS newest,
          coalesce((SELECT min(run) - 1 FROM ${schema}.search_documents), (SELECT max(seq) FROM ${schema}.runs)) AS "to"`);
        const [newest, to] = [Number(rows[0].newest), Number(rows[0].to)];
        const runs = { from: Math.max(1, newest - most + 1) + left, to };
        return filledIndex(runs, () => indexPostgres(client, schema, runs, says));
      }),
    queued: () => one(`SELECT count(*) FROM ${schema}.search_queue`),
    queueForSearch: (most) =>
      using(async (client) => {
        await client.query(`DELETE FROM ${schema}.search_queue`);
        const { rowCount } = await client.query(`INSERT INTO ${schema}.search_queue
          SELECT seq FROM ${schema}.runs WHERE seq > (SELECT max(seq) FROM ${schema}.runs) - ${most}
            AND NOT EXISTS (SELECT FROM ${schema}.search_documents WHERE run = seq)`);
        return rowCount ?? 0;
      }),
    oldest: () => one(`SELECT accepted_at FROM ${schema}.runs ORDER BY seq LIMIT 1`),
    sizes: () =>
      using(async (client) => {
        const { rows } = await client.query(`SELECT c.relname AS name, pg_relation_size(c.oid) +
            CASE WHEN c.reltoastrelid = 0 THEN 0 ELSE pg_total_relation_size(c.reltoastrelid) END AS bytes
          FROM pg_class AS c WHERE c.relnamespace = '${schema}'::regnamespace AND c.relkind IN ('r', 'i')`);
        return new Map(rows.map(({ name, bytes }) => [name, Number(bytes)]));
      }),
    free: () =>
      using(async (client) => {
        const { rows } = await client.query(
          `SELECT sum(n_dead_tup)::text AS dead FROM pg_stat_user_tables WHERE schemaname = '${schema}'`,
        );
        return `${rows[0].dead} dead rows wait for autovacuum`;
      }),
  };
}

async function fillPostgres(
  client: pg.Client,
  schema: string,
  history: History,
  says: (done: number) => void,
): Promise<void> {
  await client.query("SET synchronous_commit = off");
  // Without the trigger, because it would queue each run for the search.
  await client.query(`ALTER TABLE ${schema}.runs DISABLE TRIGGER search_new`);
  const { runs, attempts, hours } = statements({
    schema,
    series: "(SELECT n FROM generate_series($1::bigint, $2::bigint) AS n)",
    id: (nth) => `md5('run ' || (${nth}))::uuid`,
    hash: (nth) => `substr(encode(sha256(CAST(${nth} AS text)::bytea), 'hex'), 1, 40)`,
    shard: "0,",
  });
  const { first, everyUs, seldomUntil } = bounds(history);
  for (let from = 1; from <= history.count; from += RUNS_PER_TRANSACTION) {
    const to = Math.min(history.count, from + RUNS_PER_TRANSACTION - 1);
    await client.query("BEGIN");
    await client.query(runs, [from, to, first, everyUs, seldomUntil]);
    await client.query(attempts, [from, to]);
    await client.query("COMMIT");
    says(to);
  }
  await client.query(hours);
  await client.query(`SELECT setval(pg_get_serial_sequence('${schema}.runs', 'seq'), ${history.count})`);
  await client.query(`ALTER TABLE ${schema}.runs ENABLE TRIGGER search_new`);
  // Autovacuum does the same after enough rows.
  await client.query(`VACUUM (ANALYZE) ${schema}.runs`);
  await client.query(`VACUUM (ANALYZE) ${schema}.attempts`);
}
