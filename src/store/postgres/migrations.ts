import { endOldConnections } from "./end-old-connections.ts";
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
  { worksSince: 1, sql: first },
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

function first({ schema }: Names): string {
  return `
  CREATE TABLE ${schema}.runs (
    seq           bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    id            uuid NOT NULL UNIQUE,
    workflow      text NOT NULL,
    grp           text,
    -- Workflow and group, for runs that take their turn in it; runs with a token of their own do not.
    slot          text,
    input         text NOT NULL,
    own_token     integer NOT NULL,
    status        text NOT NULL CHECK (status IN ('queued','running','success','skipped','failure','superseded')),
    accepted_at   bigint NOT NULL,
    retries_from  bigint NOT NULL,
    due_at        bigint,
    started_at    bigint,
    ended_at      bigint,
    attempts      integer NOT NULL DEFAULT 0,
    failures      integer NOT NULL DEFAULT 0,
    -- Attempts from this one on may use the results of steps.
    steps_from    integer NOT NULL DEFAULT 1,
    owner         text,
    -- By the database's clock.
    lease_until   bigint,
    outputs       text,
    reason        text,
    http          integer,
    kind          text,
    dedupe_key    text,
    superseded_by uuid,
    event_source  text,
    event_id      text,
    trace         text
  );

  -- The promises about concurrency groups: one run at a time, at most one waits. md5: an index takes 2,700 bytes at most.
  CREATE UNIQUE INDEX one_running ON ${schema}.runs (md5(slot)) WHERE status = 'running' AND slot IS NOT NULL;
  CREATE UNIQUE INDEX one_waiting ON ${schema}.runs (md5(slot)) WHERE status = 'queued' AND slot IS NOT NULL;

  CREATE INDEX due ON ${schema}.runs (due_at) WHERE status = 'queued';
  CREATE INDEX leased ON ${schema}.runs (lease_until) WHERE status = 'running';
  CREATE INDEX by_workflow ON ${schema}.runs (workflow, seq);
  CREATE INDEX by_group ON ${schema}.runs (md5(grp), seq) WHERE grp IS NOT NULL;
  CREATE INDEX rare_ends ON ${schema}.runs (status, seq) WHERE status IN ('failure', 'skipped', 'superseded');
  CREATE INDEX by_successor ON ${schema}.runs (superseded_by) WHERE superseded_by IS NOT NULL;
  CREATE INDEX by_dedupe_key ON ${schema}.runs (md5(dedupe_key), ended_at) WHERE dedupe_key IS NOT NULL;
  CREATE INDEX by_event ON ${schema}.runs (md5(workflow || chr(10) || event_source), seq) WHERE event_source IS NOT NULL;

  CREATE TABLE ${schema}.attempts (
    run               bigint NOT NULL REFERENCES ${schema}.runs (seq) ON DELETE CASCADE,
    number            integer NOT NULL,
    started_at        bigint NOT NULL,
    ended_at          bigint NOT NULL,
    outcome           text NOT NULL,
    reason            text,
    kind              text,
    github_request_id text,
    PRIMARY KEY (run, number)
  );

  CREATE TABLE ${schema}.steps (
    run        bigint NOT NULL REFERENCES ${schema}.runs (seq) ON DELETE CASCADE,
    name       text NOT NULL,
    attempt    integer NOT NULL,
    started_at bigint NOT NULL,
    ended_at   bigint NOT NULL,
    result     text,
    error      text,
    PRIMARY KEY (run, attempt, name)
  );

  CREATE TABLE ${schema}.heartbeat (id integer PRIMARY KEY CHECK (id = 1), at bigint NOT NULL);
  INSERT INTO ${schema}.heartbeat VALUES (1, 0);

  CREATE TABLE ${schema}.schedules (workflow text PRIMARY KEY, carried_out_until bigint NOT NULL);

  -- How many runs ended in each hour (of the epoch), whatever ended them; deleting runs leaves it as it is. In shards,
  -- so that replicas do not wait for each other.
  CREATE TABLE ${schema}.ended_by_hour (
    hour    bigint NOT NULL,
    shard   integer NOT NULL,
    success bigint NOT NULL,
    failure bigint NOT NULL,
    skipped bigint NOT NULL,
    PRIMARY KEY (hour, shard)
  );

  -- Requests that did not become runs; of the same one, how often. The key is made of the other columns.
  CREATE TABLE ${schema}.refused_events (
    key         text PRIMARY KEY,
    method      text NOT NULL,
    path        text NOT NULL,
    status      integer NOT NULL,
    application text NOT NULL,
    reason      text NOT NULL,
    first_at    bigint NOT NULL,
    last_at     bigint NOT NULL,
    times       bigint NOT NULL
  );

  -- Whose limits at GitHub are how far used up. An account is a name, never a token.
  CREATE TABLE ${schema}.github_spending (
    id         uuid NOT NULL DEFAULT gen_random_uuid() PRIMARY KEY,
    account    text NOT NULL,
    -- The process that has spent it.
    owner      text NOT NULL,
    at         bigint NOT NULL,
    points     integer NOT NULL,
    writes     integer NOT NULL,
    -- Not sent or not answered yet: until then it counts as if it were spent now.
    held_until bigint
  );
  CREATE INDEX spending_by_time ON ${schema}.github_spending (account, at);
  CREATE TABLE ${schema}.github_pauses (account text PRIMARY KEY, until bigint NOT NULL, strikes integer NOT NULL);
  `;
}
