import type { Names } from "./names.ts";

/**
 * The search's tables. Triggers fill the queue, so that replicas of the previous version fill it too. The triggers run
 * with the owner's rights, because such a replica's role may have no rights on the new tables. The queue has no unique
 * key, so that a write never waits for the process that empties it.
 */
export function searchSchema({ schema }: Names): string {
  const trigger = "RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog";
  return `
  -- What the search knows of each run: store/search-document.ts; and its trigrams as numbers. Both are kept outside of the
  -- rows: a list of runs is then read from few pages.
  CREATE TABLE ${schema}.search_documents (
    run      bigint PRIMARY KEY,
    document text COLLATE "C" NOT NULL,
    grams    integer[] NOT NULL
  ) WITH (toast_tuple_target = 128);
  CREATE INDEX search_grams ON ${schema}.search_documents USING gin (grams) WITH (gin_pending_list_limit = 1024);
  -- Runs that have changed since.
  CREATE TABLE ${schema}.search_queue (run bigint NOT NULL);
  CREATE INDEX search_queue_by_run ON ${schema}.search_queue (run);

  CREATE FUNCTION ${schema}.search_runs() ${trigger} AS $queue$ BEGIN
    INSERT INTO ${schema}.search_queue SELECT seq FROM changed;
    RETURN NULL;
  END $queue$;
  CREATE FUNCTION ${schema}.search_run() ${trigger} AS $queue$ BEGIN
    INSERT INTO ${schema}.search_queue VALUES (NEW.seq);
    RETURN NULL;
  END $queue$;
  CREATE TRIGGER search_new AFTER INSERT ON ${schema}.runs
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION ${schema}.search_runs();
  CREATE TRIGGER search_gone AFTER DELETE ON ${schema}.runs
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION ${schema}.search_runs();
  CREATE TRIGGER search_changed AFTER UPDATE OF status ON ${schema}.runs FOR EACH ROW
    WHEN (NEW.status <> 'running' AND (NEW.status <> OLD.status OR NEW.reason IS DISTINCT FROM OLD.reason))
    EXECUTE FUNCTION ${schema}.search_run();
  INSERT INTO ${schema}.search_queue SELECT seq FROM ${schema}.runs;
  `;
}
