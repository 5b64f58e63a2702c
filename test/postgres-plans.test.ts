import assert from "node:assert/strict";
import { describe, it } from "node:test";
import pg from "pg";
import { systemClock } from "../src/model/clock.ts";
import { foundRuns } from "../src/store/found-runs.ts";
import { asking } from "../src/store/postgres/asking.ts";
import { namesFor } from "../src/store/postgres/names.ts";
import { openPostgresStore } from "../src/store/postgres/store.ts";
import { workflowReads } from "../src/store/workflow-stats.ts";
import { postgresForTests } from "./support/postgres.ts";

const postgres = postgresForTests();

describe("PostgreSQL", () => {
  it("reads the runs of an old workflow, and those of a part of an id, by an index, without reading all newer runs", async (t) => {
    const schema = postgres.schema();
    const { url } = postgres;
    await (await openPostgresStore({ url, schema, clock: systemClock, onError: () => {} })).close();
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    t.after(() => client.end());
    await client.query(
      `INSERT INTO ${schema}.runs (id, workflow, input, own_token, status, accepted_at, retries_from, started_at, ended_at)
       SELECT gen_random_uuid(), CASE WHEN n <= 10000 AND n % 10 = 0 THEN 'old' ELSE 'new-' || n % 30 END,
         '{}', 0, CASE WHEN n % 20 = 0 THEN 'failure' ELSE 'success' END, n, n, n, n + 5 FROM generate_series(1, 30000) AS n`,
    );
    await client.query(`ANALYZE ${schema}.runs`);

    const plans: string[] = [];
    const sql = async (text: string, values: readonly unknown[] = []) => {
      const { rows } = await client.query(`EXPLAIN ${text}`, [...values]);
      plans.push(rows.map((row) => row["QUERY PLAN"]).join("\n"));
      return (await client.query(text, [...values])).rows;
    };
    const asked = asking({ sql, transaction: () => assert.fail("nothing is written") } as never, namesFor(schema));
    const { recent, lastFailure } = (await workflowReads(asked).workflowStats(["old"])).get("old") ?? {};
    assert.deepEqual([recent?.length, Number(lastFailure?.endedAt)], [30, 10_005]);
    for (const status of [undefined, "failure", "success"] as const) {
      const { runs } = await foundRuns(asked, {} as never).list({ workflow: "old", status }, { limit: 25 });
      assert.equal(runs.length, 25);
    }
    for (const plan of plans) {
      assert.match(plan, /(using|on) (by_workflow|rare_ends\w*)\b/);
      assert.doesNotMatch(plan, /runs_pkey|Seq Scan/);
    }
    assert.equal(plans.length, 5);
    // For ids around one in the statistics, PostgreSQL overestimates a hundred times.
    const [stats] = await client
      .query(
        `SELECT (histogram_bounds::text::text[])[50] AS id FROM pg_stats
         WHERE schemaname = '${schema}' AND tablename = 'runs' AND attname = 'id'`,
      )
      .then(({ rows }) => rows as { id: string }[]);
    await foundRuns(asked, {} as never).list({ id: String(stats?.id).slice(0, 3) }, { limit: 10 });
    assert.match(plans.at(-1) ?? "", /runs_id_key/);
    assert.doesNotMatch(plans.at(-1) ?? "", /runs_pkey|Seq Scan/);
  });
});
