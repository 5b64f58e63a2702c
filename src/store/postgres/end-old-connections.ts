import type { Names } from "./names.ts";

/**
 * The version before does not plan its statements again when a table has a new column: on each connection that it has,
 * PostgreSQL would answer that a cached plan must not change its result type. So its connections end, and it connects
 * again. Later versions do so by themselves, and call their connections otherwise. A role that may not end the
 * connections of another one leaves them.
 */
export function endOldConnections({ schema }: Names): string {
  return `DO $end$ DECLARE process integer; BEGIN
    -- This transaction has created the schema, so no other version is there.
    IF EXISTS (SELECT FROM ${schema}.schema_version WHERE xmin = pg_current_xact_id()::xid) THEN RETURN; END IF;
    FOR process IN SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'gh-runner'
    LOOP BEGIN PERFORM pg_terminate_backend(process); EXCEPTION WHEN insufficient_privilege THEN NULL; END; END LOOP;
  END $end$`;
}
