import { endOldConnections } from "./end-old-connections.ts";
import { firstSchema } from "./first-schema.ts";
import type { Names } from "./names.ts";

/** A step from version N to N + 1. */
export type Migration = {
  readonly sql: (names: Names) => string;
  /**
   * The oldest version of the program's schema that works on the result. An upgrade rolls: processes of the version
   * before go on while those of this one start, so this is at most one less than the step's own number, unless an older
   * program must not go on, which the change log has to say.
   */
  readonly worksSince: number;
};

/** The schema, one step after the other. Steps are never changed once released; a change is a new step. */
export const MIGRATIONS: readonly Migration[] = [
  { worksSince: 1, sql: firstSchema },
  // Where in the workflow an attempt threw.
  { worksSince: 1, sql: ({ schema }) => `ALTER TABLE ${schema}.attempts ADD COLUMN stack text` },
  // Which attempts a process took with it when it ended.
  {
    worksSince: 1,
    sql: ({ schema }) => `ALTER TABLE ${schema}.attempts ADD COLUMN owner text;
      CREATE INDEX interrupted ON ${schema}.attempts (owner) WHERE outcome = 'interrupted';`,
  },
  // A run that is queued is its own job. Only where replicas of a version may be left that claims jobs of pg-boss's.
  // When a replica was last there, by the database's clock.
  {
    worksSince: 3,
    sql: (names) => `${keepJobs(names)};
      ALTER TABLE ${names.schema}.github_spending
        ADD COLUMN written_at bigint NOT NULL DEFAULT floor(extract(epoch FROM now()) * 1000)::bigint;`,
  },
  // Runs that wait, are cancelled, are started by hand, and show what they did.
  { worksSince: 4, sql: (names) => `${waits(names)};${endOldConnections(names)}` },
  // What the processes remember together, and which runs wait for a run of Actions.
  {
    worksSince: 4,
    sql: ({ schema }) => `
  -- When something was last done by one of all, and what was kept under a name, as JSON. Each may be without the other.
  CREATE TABLE ${schema}.marks (name text PRIMARY KEY, at bigint NOT NULL DEFAULT 0, value text);
  CREATE INDEX watched ON ${schema}.wake_keys (run) WHERE substr(key, 1, 13) = 'workflow_run ';
  `,
  },
];

/** While replicas of the version before are there, use nothing of it: they know no run that waits. */
function waits({ schema }: Names): string {
  return `
  ALTER TABLE ${schema}.runs
    DROP CONSTRAINT runs_status_check,
    ADD COLUMN trigger_kind text,
    ADD COLUMN actor text,
    ADD COLUMN rerun_of uuid,
    -- 1: every event of its group runs, in order.
    ADD COLUMN in_order integer NOT NULL DEFAULT 0,
    -- What it shares a rate with, and the rate: throttle and debounce.
    ADD COLUMN pace text,
    ADD COLUMN throttle_limit integer,
    ADD COLUMN throttle_ms bigint,
    ADD COLUMN begun_at bigint,
    -- The first attempt since it was accepted, or re-run; steps_from may be an earlier one.
    ADD COLUMN first_attempt integer NOT NULL DEFAULT 1,
    ADD COLUMN cancel_actor text,
    ADD COLUMN cancel_at bigint,
    ADD COLUMN handler text,
    ADD COLUMN woken integer NOT NULL DEFAULT 0;
  UPDATE ${schema}.runs SET first_attempt = steps_from WHERE steps_from > 1;
  ALTER TABLE ${schema}.attempts ADD COLUMN code text, ADD COLUMN handler integer;
  ALTER TABLE ${schema}.steps
    ALTER COLUMN ended_at DROP NOT NULL,
    ADD COLUMN kind text NOT NULL DEFAULT 'step',
    ADD COLUMN until bigint,
    -- 1: a time of the wall clock, which stays when the clock is set.
    ADD COLUMN until_date integer NOT NULL DEFAULT 0;

  -- A run that waits keeps its place in its group.
  DROP INDEX ${schema}.one_running;
  CREATE UNIQUE INDEX one_running ON ${schema}.runs (md5(slot)) WHERE status IN ('running', 'waiting') AND slot IS NOT NULL;
  DROP INDEX ${schema}.one_waiting;
  CREATE UNIQUE INDEX one_waiting ON ${schema}.runs (md5(slot)) WHERE status = 'queued' AND slot IS NOT NULL AND in_order = 0;
  CREATE INDEX in_line ON ${schema}.runs (md5(slot), seq) WHERE status = 'queued' AND slot IS NOT NULL AND in_order = 1;
  CREATE INDEX pending ON ${schema}.runs (md5(pace), due_at, seq) WHERE pace IS NOT NULL AND status = 'queued' AND attempts = 0;
  CREATE INDEX begun ON ${schema}.runs (md5(pace), begun_at) WHERE begun_at IS NOT NULL;
  CREATE INDEX waking ON ${schema}.runs (due_at) WHERE status = 'waiting';
  CREATE INDEX handlers ON ${schema}.runs (md5(slot), seq) WHERE handler IN ('due', 'running');
  DROP INDEX ${schema}.rare_ends;
  CREATE INDEX rare_ends ON ${schema}.runs (status, seq) WHERE status IN ('failure', 'skipped', 'superseded', 'cancelled');

  -- The events that wake a run.
  CREATE TABLE ${schema}.wake_keys (
    key text NOT NULL,
    run bigint NOT NULL REFERENCES ${schema}.runs (seq) ON DELETE CASCADE,
    PRIMARY KEY (key, run)
  );
  CREATE INDEX wake_keys_of ON ${schema}.wake_keys (run);

  -- Callbacks by the SHA-256 of the secret in their URL.
  CREATE TABLE ${schema}.callbacks (
    hash        text PRIMARY KEY,
    run         bigint NOT NULL REFERENCES ${schema}.runs (seq) ON DELETE CASCADE,
    name        text NOT NULL,
    schema      text,
    -- As that of its run: a re-run from the start asks again.
    steps_from  integer NOT NULL,
    answered_at bigint,
    body        text,
    actor       text
  );
  CREATE INDEX callbacks_of ON ${schema}.callbacks (run);

  -- Random keys of this store, such as the one from which the secrets of callbacks are derived.
  CREATE TABLE ${schema}.store_keys (name text PRIMARY KEY, value text NOT NULL);

  CREATE TABLE ${schema}.log_lines (
    run     bigint NOT NULL REFERENCES ${schema}.runs (seq) ON DELETE CASCADE,
    attempt integer NOT NULL,
    number  integer NOT NULL,
    at      bigint NOT NULL,
    level   text NOT NULL,
    message text NOT NULL,
    facts   text,
    PRIMARY KEY (run, attempt, number)
  );
  -- Moves with every write of lines: replicas notice those of others without being notified of each.
  CREATE SEQUENCE ${schema}.log_revision;

  -- What was done and by whom; run is the id, since actions outlive runs.
  CREATE TABLE ${schema}.actions (
    seq      bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    at       bigint NOT NULL,
    actor    text NOT NULL,
    action   text NOT NULL,
    run      uuid,
    workflow text,
    details  text
  );
  CREATE INDEX actions_of ON ${schema}.actions (run) WHERE run IS NOT NULL;

  CREATE TABLE ${schema}.paused_workflows (workflow text PRIMARY KEY, at bigint NOT NULL, actor text NOT NULL);
  `;
}

/**
 * Keeps pg-boss's table of jobs in step with the runs while replicas of the version before claim from it: at the end of
 * each transaction there is a job for each run that is queued, and none for any other. The row of the run decides who has
 * claimed it, in either version. The version before locks a job and then its run, this one the other way round: a run
 * whose job is locked is not claimed, since the other one is about to. The functions have the rights of the owner, since
 * the role of the service may not reach pg-boss's schema. A later step may drop all of it, once no version that needs it
 * can be left.
 */
function keepJobs({ schema }: Names): string {
  const job = `${schema}_jobs.job`;
  const trigger = "RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog";
  return `DO $step$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_namespace WHERE nspname = '${schema}_jobs') THEN
      -- The version before would create it, and see no job of any run.
      UPDATE ${schema}.schema_version SET works_since = 4;
      RETURN;
    END IF;

    CREATE FUNCTION ${schema}.claim_job() ${trigger} AS $claim$ BEGIN
      PERFORM FROM ${job} WHERE name = 'runs' AND id = NEW.id FOR UPDATE SKIP LOCKED;
      IF NOT FOUND AND EXISTS (SELECT FROM ${job} WHERE name = 'runs' AND id = NEW.id) THEN
        RETURN NULL;
      END IF;
      DELETE FROM ${job} WHERE name = 'runs' AND id = NEW.id;
      RETURN NEW;
    END $claim$;
    CREATE TRIGGER claim_job BEFORE UPDATE OF status ON ${schema}.runs
      FOR EACH ROW WHEN (OLD.status = 'queued' AND NEW.status = 'running') EXECUTE FUNCTION ${schema}.claim_job();

    CREATE FUNCTION ${schema}.keep_job() ${trigger} AS $keep$
    DECLARE run record;
    BEGIN
      SELECT id, slot, status INTO run FROM ${schema}.runs WHERE seq = NEW.seq;
      DELETE FROM ${job} WHERE name = 'runs' AND id = NEW.id AND (state <> 'created' OR run.status IS DISTINCT FROM 'queued');
      IF run.status = 'queued' THEN
        INSERT INTO ${job} (name, id, singleton_key, policy, retry_limit, expire_seconds, keep_until)
        VALUES ('runs', run.id,
          coalesce(translate(encode(sha256(convert_to(run.slot, 'UTF8')), 'base64'), '+/=', '-_'), run.id::text),
          'stately', 0, 86399, now() + interval '10 years')
        ON CONFLICT DO NOTHING;
      END IF;
      RETURN NULL;
    END $keep$;
    CREATE CONSTRAINT TRIGGER add_job AFTER INSERT ON ${schema}.runs DEFERRABLE INITIALLY DEFERRED
      FOR EACH ROW WHEN (NEW.status = 'queued') EXECUTE FUNCTION ${schema}.keep_job();
    CREATE CONSTRAINT TRIGGER keep_job AFTER UPDATE OF status ON ${schema}.runs DEFERRABLE INITIALLY DEFERRED
      FOR EACH ROW WHEN (OLD.status <> NEW.status) EXECUTE FUNCTION ${schema}.keep_job();
  END $step$`;
}
