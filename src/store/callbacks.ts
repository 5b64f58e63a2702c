import { createHash, createHmac, randomBytes } from "node:crypto";
import type { AuditEntry } from "../model/audit.ts";
import type { Json } from "../model/run.ts";
import type { Callback } from "../model/store.ts";
import { type By, whoOf } from "../model/who.ts";
import { clean, type Row } from "./rows.ts";

/**
 * Callbacks of both databases. The secret in a callback's URL is derived, so that every attempt gets the same one. Only
 * its hash is stored.
 */

/** The name of the key in `store_keys` from which secrets are derived. */
export const KEY = "callbacks";

export const newKey = (): string => randomBytes(32).toString("base64url");

/** The secret of a run's callback. A re-run from the start gets another one. */
export function secretOf(key: string, { run, name, since }: { run: string; name: string; since: number }): string {
  return createHmac("sha256", Buffer.from(key, "base64url"))
    .update(JSON.stringify([run, since, clean(name)]))
    .digest("base64url");
}

export const hashOf = (secret: string): string => createHash("sha256").update(secret).digest("hex");

/** Takes the hash. Returns the callback with the state of its run and its wait. */
export function findCallback(schema: string): string {
  return `SELECT callbacks.name, callbacks.schema, callbacks.answered_at, runs.seq, runs.id, runs.workflow, runs.ended_at,
      callbacks.steps_from = runs.steps_from AS is_current,
      EXISTS (SELECT 1 FROM ${schema}.steps WHERE steps.run = runs.seq AND steps.name = callbacks.name
        AND steps.kind = 'callback' AND steps.attempt >= runs.steps_from AND steps.ended_at IS NOT NULL
        AND steps.error IS NULL) AS is_done
    FROM ${schema}.callbacks JOIN ${schema}.runs ON runs.seq = callbacks.run WHERE callbacks.hash = $1`;
}

/** Takes the hash, the run's number, the name, the schema, and the first attempt that counts. */
export function insertCallback(schema: string): string {
  return `INSERT INTO ${schema}.callbacks (hash, run, name, schema, steps_from) VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (hash) DO UPDATE SET schema = excluded.schema`;
}

/** Takes the hash, and the answer: its body, actor and time. */
export function answer(schema: string): string {
  return `UPDATE ${schema}.callbacks SET body = $2, actor = $3, answered_at = $4 WHERE hash = $1`;
}

export function callbackOf(row: Row): Callback {
  const isOpen = row.ended_at === null && Boolean(row.is_current) && !row.is_done;
  return {
    run: row.id as string,
    workflow: row.workflow as string,
    name: row.name as string,
    schema: row.schema === null ? undefined : (JSON.parse(row.schema as string) as Json),
    state: row.answered_at !== null ? "answered" : isOpen ? "open" : "over",
    answeredAt: (row.answered_at as number | null) ?? undefined,
  };
}

/** The audit entry of an answer. */
export function answeredAction({ run, workflow, name }: Callback, by: By): AuditEntry {
  return { ...whoOf(by), at: by.at, action: "answered", run, workflow, details: name };
}
