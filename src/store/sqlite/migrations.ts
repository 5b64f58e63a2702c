/**
 * The schema, step by step: step N upgrades a database from version N to N + 1. A released step never changes; a change
 * is a new step.
 */
export const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE runs (
    seq           INTEGER PRIMARY KEY,
    id            TEXT NOT NULL UNIQUE,
    workflow      TEXT NOT NULL,
    grp           TEXT,
    -- Workflow and group, for runs that wait for their group; runs with their token in the request do not.
    slot          TEXT,
    input         TEXT NOT NULL,
    own_token     INTEGER NOT NULL,
    status        TEXT NOT NULL CHECK (status IN ('queued','running','success','skipped','failure','superseded')),
    accepted_at   INTEGER NOT NULL,
    retries_from  INTEGER NOT NULL,
    due_at        INTEGER,
    started_at    INTEGER,
    ended_at      INTEGER,
    attempts      INTEGER NOT NULL DEFAULT 0,
    failures      INTEGER NOT NULL DEFAULT 0,
    -- Attempts from this one on may use the results of steps.
    steps_from    INTEGER NOT NULL DEFAULT 1,
    owner         TEXT,
    lease_until   INTEGER,
    outputs       TEXT,
    reason        TEXT,
    http          INTEGER,
    kind          TEXT,
    dedupe_key    TEXT,
    superseded_by TEXT
  ) STRICT;

  -- The promises about concurrency groups: one run at a time, at most one waits.
  CREATE UNIQUE INDEX one_running ON runs (slot) WHERE status = 'running' AND slot IS NOT NULL;
  CREATE UNIQUE INDEX one_waiting ON runs (slot) WHERE status = 'queued' AND slot IS NOT NULL;

  CREATE INDEX due ON runs (due_at) WHERE status = 'queued';
  CREATE INDEX leased ON runs (lease_until) WHERE status = 'running';
  -- A column that never changes makes an index cheap: it is written once, when the run is accepted.
  CREATE INDEX by_workflow ON runs (workflow, seq);
  CREATE INDEX by_group ON runs (grp, seq) WHERE grp IS NOT NULL;
  -- The rare ends: a successful run, the usual case, pays for none of these. IN instead of OR would cost each write a
  -- temporary table: 15 us of CPU per run (measured).
  CREATE INDEX rare_ends ON runs (status, seq) WHERE status = 'failure' OR status = 'skipped' OR status = 'superseded';
  CREATE INDEX rare_ends_by_workflow ON runs (status, workflow, seq)
    WHERE status = 'failure' OR status = 'skipped' OR status = 'superseded';
  CREATE INDEX rare_ends_by_group ON runs (status, grp, seq)
    WHERE status = 'failure' OR status = 'skipped' OR status = 'superseded';
  CREATE INDEX by_successor ON runs (superseded_by) WHERE superseded_by IS NOT NULL;
  CREATE INDEX by_dedupe_key ON runs (dedupe_key, ended_at) WHERE dedupe_key IS NOT NULL;

  CREATE TABLE attempts (
    run               INTEGER NOT NULL REFERENCES runs (seq) ON DELETE CASCADE,
    number            INTEGER NOT NULL,
    started_at        INTEGER NOT NULL,
    ended_at          INTEGER NOT NULL,
    outcome           TEXT NOT NULL,
    reason            TEXT,
    kind              TEXT,
    github_request_id TEXT,
    PRIMARY KEY (run, number)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE steps (
    run        INTEGER NOT NULL REFERENCES runs (seq) ON DELETE CASCADE,
    name       TEXT NOT NULL,
    attempt    INTEGER NOT NULL,
    started_at INTEGER NOT NULL,
    ended_at   INTEGER NOT NULL,
    result     TEXT,
    error      TEXT,
    PRIMARY KEY (run, attempt, name)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE heartbeat (id INTEGER PRIMARY KEY CHECK (id = 1), at INTEGER NOT NULL) STRICT;
  `,
  `
  -- Whose limits at GitHub are how far used up. An account is a name, never a token.
  CREATE TABLE github_spending (
    account TEXT NOT NULL,
    at      INTEGER NOT NULL,
    points  INTEGER NOT NULL,
    writes  INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX spending_by_time ON github_spending (at);
  CREATE TABLE github_pauses (account TEXT PRIMARY KEY, until INTEGER NOT NULL, strikes INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  `,
  `
  ALTER TABLE runs ADD COLUMN event_source TEXT;
  ALTER TABLE runs ADD COLUMN event_id TEXT;
  CREATE INDEX by_event ON runs (workflow, event_source, seq) WHERE event_source IS NOT NULL;

  CREATE TABLE schedules (workflow TEXT PRIMARY KEY, carried_out_until INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  `,
  `
  -- How many runs ended in each hour (of the epoch), with any status. Deleting runs does not change it.
  CREATE TABLE ended_by_hour (
    hour    INTEGER PRIMARY KEY,
    success INTEGER NOT NULL,
    failure INTEGER NOT NULL,
    skipped INTEGER NOT NULL
  ) STRICT;
  INSERT INTO ended_by_hour
    SELECT ended_at / 3600000, sum(status = 'success'), sum(status = 'failure'), sum(status = 'skipped') FROM runs
    WHERE ended_at IS NOT NULL AND status <> 'superseded' GROUP BY 1;
  CREATE TRIGGER count_end AFTER UPDATE OF status ON runs
  WHEN OLD.status = 'running' AND (NEW.status = 'success' OR NEW.status = 'failure' OR NEW.status = 'skipped')
  BEGIN
    INSERT INTO ended_by_hour
      VALUES (NEW.ended_at / 3600000, NEW.status = 'success', NEW.status = 'failure', NEW.status = 'skipped')
      ON CONFLICT (hour) DO UPDATE SET success = success + excluded.success, failure = failure + excluded.failure,
        skipped = skipped + excluded.skipped;
  END;

  -- Requests that did not become runs. Equal ones are one row with a count.
  CREATE TABLE refused_events (
    method      TEXT NOT NULL,
    path        TEXT NOT NULL,
    status      INTEGER NOT NULL,
    application TEXT NOT NULL,
    reason      TEXT NOT NULL,
    first_at    INTEGER NOT NULL,
    last_at     INTEGER NOT NULL,
    times       INTEGER NOT NULL,
    PRIMARY KEY (method, path, status, application, reason)
  ) STRICT, WITHOUT ROWID;
  `,
  `
  -- To which trace its attempts belong; empty while traces are off.
  ALTER TABLE runs ADD COLUMN trace TEXT;
  `,
  `
  -- Where in the workflow an attempt threw.
  ALTER TABLE attempts ADD COLUMN stack TEXT;
  `,
  `
  -- Which statuses there are is for the program to say, and a step that has begun has no end yet. Neither is in the
  -- rows, so that only the text of the schema changes: https://www.sqlite.org/lang_altertable.html#otheralter
  PRAGMA writable_schema = ON;
  UPDATE sqlite_schema SET sql = replace(sql,
    ' CHECK (status IN (''queued'',''running'',''success'',''skipped'',''failure'',''superseded''))', '')
    WHERE type = 'table' AND name = 'runs';
  UPDATE sqlite_schema SET sql = replace(sql, 'ended_at   INTEGER NOT NULL', 'ended_at   INTEGER')
    WHERE type = 'table' AND name = 'steps';
  PRAGMA writable_schema = RESET;

  ALTER TABLE runs ADD COLUMN trigger_kind TEXT;
  ALTER TABLE runs ADD COLUMN actor TEXT;
  ALTER TABLE runs ADD COLUMN rerun_of TEXT;
  -- 1: every event of its group runs, in order.
  ALTER TABLE runs ADD COLUMN in_order INTEGER NOT NULL DEFAULT 0;
  -- What it shares a rate with, and the rate: throttle and debounce.
  ALTER TABLE runs ADD COLUMN pace TEXT;
  ALTER TABLE runs ADD COLUMN throttle_limit INTEGER;
  ALTER TABLE runs ADD COLUMN throttle_ms INTEGER;
  ALTER TABLE runs ADD COLUMN begun_at INTEGER;
  -- The first attempt since it was accepted, or re-run; steps_from may be an earlier one.
  ALTER TABLE runs ADD COLUMN first_attempt INTEGER NOT NULL DEFAULT 1;
  UPDATE runs SET first_attempt = steps_from WHERE steps_from > 1;
  ALTER TABLE runs ADD COLUMN cancel_actor TEXT;
  ALTER TABLE runs ADD COLUMN cancel_at INTEGER;
  ALTER TABLE runs ADD COLUMN handler TEXT;
  ALTER TABLE runs ADD COLUMN woken INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE attempts ADD COLUMN code TEXT;
  ALTER TABLE attempts ADD COLUMN handler INTEGER;
  ALTER TABLE steps ADD COLUMN kind TEXT NOT NULL DEFAULT 'step';
  ALTER TABLE steps ADD COLUMN until INTEGER;
  -- 1: a time of the wall clock, which stays when the clock is set.
  ALTER TABLE steps ADD COLUMN until_date INTEGER NOT NULL DEFAULT 0;

  -- A run that waits keeps its place in its group.
  DROP INDEX one_running;
  CREATE UNIQUE INDEX one_running ON runs (slot) WHERE (status = 'running' OR status = 'waiting') AND slot IS NOT NULL;
  DROP INDEX one_waiting;
  CREATE UNIQUE INDEX one_waiting ON runs (slot) WHERE status = 'queued' AND slot IS NOT NULL AND in_order = 0;
  CREATE INDEX in_line ON runs (slot, seq) WHERE status = 'queued' AND slot IS NOT NULL AND in_order = 1;
  CREATE INDEX pending ON runs (pace, due_at, seq) WHERE pace IS NOT NULL AND status = 'queued' AND attempts = 0;
  CREATE INDEX begun ON runs (pace, begun_at) WHERE begun_at IS NOT NULL;
  CREATE INDEX waking ON runs (due_at) WHERE status = 'waiting';
  CREATE INDEX handlers ON runs (slot, seq) WHERE handler = 'due' OR handler = 'running';
  DROP INDEX rare_ends;
  DROP INDEX rare_ends_by_workflow;
  DROP INDEX rare_ends_by_group;
  CREATE INDEX rare_ends ON runs (status, seq)
    WHERE status = 'failure' OR status = 'skipped' OR status = 'superseded' OR status = 'cancelled';
  CREATE INDEX rare_ends_by_workflow ON runs (status, workflow, seq)
    WHERE status = 'failure' OR status = 'skipped' OR status = 'superseded' OR status = 'cancelled';
  CREATE INDEX rare_ends_by_group ON runs (status, grp, seq)
    WHERE status = 'failure' OR status = 'skipped' OR status = 'superseded' OR status = 'cancelled';

  -- The events that wake a run.
  CREATE TABLE wake_keys (
    key TEXT NOT NULL,
    run INTEGER NOT NULL REFERENCES runs (seq) ON DELETE CASCADE,
    PRIMARY KEY (key, run)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX wake_keys_of ON wake_keys (run);

  -- Callbacks by the SHA-256 of the secret in their URL.
  CREATE TABLE callbacks (
    hash        TEXT PRIMARY KEY,
    run         INTEGER NOT NULL REFERENCES runs (seq) ON DELETE CASCADE,
    name        TEXT NOT NULL,
    schema      TEXT,
    -- As that of its run: a re-run from the start asks again.
    steps_from  INTEGER NOT NULL,
    answered_at INTEGER,
    body        TEXT,
    actor       TEXT
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX callbacks_of ON callbacks (run);

  -- Random keys of this store, such as the one from which the secrets of callbacks are derived.
  CREATE TABLE store_keys (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;

  CREATE TABLE log_lines (
    run     INTEGER NOT NULL REFERENCES runs (seq) ON DELETE CASCADE,
    attempt INTEGER NOT NULL,
    number  INTEGER NOT NULL,
    at      INTEGER NOT NULL,
    level   TEXT NOT NULL,
    message TEXT NOT NULL,
    facts   TEXT,
    PRIMARY KEY (run, attempt, number)
  ) STRICT, WITHOUT ROWID;

  -- What was done and by whom; run is the id, since actions outlive runs.
  CREATE TABLE actions (
    seq      INTEGER PRIMARY KEY,
    at       INTEGER NOT NULL,
    actor    TEXT NOT NULL,
    action   TEXT NOT NULL,
    run      TEXT,
    workflow TEXT,
    details  TEXT
  ) STRICT;
  CREATE INDEX actions_of ON actions (run) WHERE run IS NOT NULL;

  CREATE TABLE paused_workflows (workflow TEXT PRIMARY KEY, at INTEGER NOT NULL, actor TEXT NOT NULL) STRICT, WITHOUT ROWID;
  `,
  `
  -- When something was last done by one of all, and what was kept under a name, as JSON. Each may be without the other.
  CREATE TABLE marks (name TEXT PRIMARY KEY, at INTEGER NOT NULL DEFAULT 0, value TEXT) STRICT, WITHOUT ROWID;
  CREATE INDEX watched ON wake_keys (run) WHERE substr(key, 1, 13) = 'workflow_run ';
  `,
  `
  -- What a person calls the run, as its workflow names it.
  ALTER TABLE runs ADD COLUMN title TEXT;
  -- What the attempt changed at GitHub, as JSON.
  ALTER TABLE attempts ADD COLUMN sent TEXT;
  CREATE INDEX by_time ON runs (accepted_at);

  -- Events that came from where they say, and started no run: what they are as JSON, and the text that is searched.
  CREATE TABLE ignored_events (seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, facts TEXT NOT NULL, text TEXT NOT NULL) STRICT;
  -- From where valid events came.
  CREATE TABLE heard (
    kind     TEXT NOT NULL,
    name     TEXT NOT NULL,
    actor    TEXT NOT NULL,
    first_at INTEGER NOT NULL,
    last_at  INTEGER NOT NULL,
    times    INTEGER NOT NULL,
    PRIMARY KEY (kind, name, actor)
  ) STRICT, WITHOUT ROWID;

  -- What the search knows of each run: store/search-document.ts. The rows themselves are not kept.
  CREATE VIRTUAL TABLE search USING fts5(document, content = '', contentless_delete = 1, tokenize = 'trigram case_sensitive 1');
  -- Runs that have changed since.
  CREATE TABLE search_queue (run INTEGER PRIMARY KEY) STRICT;
  INSERT INTO search_queue SELECT seq FROM runs;
  CREATE TRIGGER search_new AFTER INSERT ON runs
    BEGIN INSERT INTO search_queue VALUES (NEW.seq) ON CONFLICT DO NOTHING; END;
  CREATE TRIGGER search_changed AFTER UPDATE OF status ON runs
    WHEN NEW.status <> 'running' AND (NEW.status <> OLD.status OR NEW.reason IS NOT OLD.reason)
    BEGIN INSERT INTO search_queue VALUES (NEW.seq) ON CONFLICT DO NOTHING; END;
  CREATE TRIGGER search_gone AFTER DELETE ON runs
    BEGIN INSERT INTO search_queue VALUES (OLD.seq) ON CONFLICT DO NOTHING; END;
  `,
  `
  -- Who did it, with which role and credential, from which address; in a bulk of how many; its outcome and its count. Each hash is
  -- over its record, its number and the hash of the one before: store/audit-chain.ts. Records of earlier versions have none.
  ALTER TABLE actions ADD COLUMN role TEXT;
  ALTER TABLE actions ADD COLUMN via TEXT;
  ALTER TABLE actions ADD COLUMN address TEXT;
  ALTER TABLE actions ADD COLUMN bulk TEXT;
  ALTER TABLE actions ADD COLUMN outcome TEXT NOT NULL DEFAULT 'done';
  ALTER TABLE actions ADD COLUMN times INTEGER NOT NULL DEFAULT 1;
  ALTER TABLE actions ADD COLUMN number INTEGER;
  ALTER TABLE actions ADD COLUMN hash TEXT;

  -- Who has signed in. The hash is that of the secret in the cookie, the credential what they have shown, and the person
  -- who they are, as JSON. What they may do is not kept: it follows from the settings.
  CREATE TABLE sessions (
    hash       TEXT PRIMARY KEY,
    actor      TEXT NOT NULL,
    via        TEXT NOT NULL,
    credential TEXT NOT NULL,
    person     TEXT,
    started_at INTEGER NOT NULL,
    ends_at    INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX sessions_of ON sessions (actor, started_at);
  CREATE INDEX sessions_by_end ON sessions (ends_at);
  `,
];
