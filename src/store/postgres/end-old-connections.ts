import type { Names } from "./names.ts";

/**
 * The previous version does not plan its statements again when a table gets a new column. PostgreSQL would answer on
 * each of its connections that a cached plan must not change its result type. So this ends those connections, and that
 * version reconnects. Later versions handle this themselves, and use another name for their connections. If the role
 * may not end another role's connections, they stay.
 */
export function endOldConnections({ schema }: Names): string {
  return `DO $end$ DECLARE process integer; BEGIN
    -- This transaction has created the schema, so no other version is there.
    IF EXISTS (SELECT FROM ${schema}.schema_version WHERE xmin = pg_current_xact_id()::xid) THEN RETURN; END IF;
    FOR process IN SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'gh-runner'
    LOOP BEGIN PERFORM pg_terminate_backend(process); EXCEPTION WHEN insufficient_privilege THEN NULL; END; END LOOP;
  END $end$`;
}
