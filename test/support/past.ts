import { Readable } from "node:stream";
import type { AuditEntry } from "../../src/model/audit.ts";
import { systemClock } from "../../src/model/clock.ts";
import { unchanging } from "../../src/model/renewable.ts";
import type { Json } from "../../src/model/run.ts";
import type { StoreConfig } from "../../src/service/config/store.ts";
import { openMover, openStore } from "../../src/service/open-store.ts";

const HOUR_MS = 3_600_000;

/** A line of an export without its kind, as `store/move/format.ts` reads it. */
export type Moved = Readonly<Record<string, unknown>>;

export type PastRun = {
  readonly id: string;
  readonly workflow: string;
  /** When it was accepted, epoch milliseconds. */
  readonly at: number;
  readonly status?: "success" | "failure" | "skipped" | "cancelled" | "superseded";
  readonly group?: string | undefined;
  readonly title?: string | undefined;
  readonly trigger?: "http" | "github" | "schedule" | "manual" | "flux";
  readonly actor?: string | undefined;
  readonly input?: Json;
  readonly outputs?: Json | undefined;
  readonly reason?: string | undefined;
  /** How long its attempt took, ms. */
  readonly tookMs?: number;
  /** Version of the workflow's file. */
  readonly code?: string | undefined;
  readonly steps?: readonly { readonly name: string; readonly result?: Json; readonly error?: string }[];
  readonly lines?: readonly { readonly level: string; readonly message: string; readonly facts?: Json }[];
  /** Other fields of the exported run. */
  readonly more?: Moved;
};

/** An exported run that ended after one attempt. */
export function pastRun(past: PastRun): Moved {
  const { id, workflow, at, status = "success", group, title, trigger = "http", actor = "token argocd" } = past;
  const { input = {}, outputs, reason, tookMs = 900, code, steps = [], lines = [], more = {} } = past;
  const [startedAt, endedAt] = [at + 3, at + 3 + tookMs];
  const isDone = status !== "superseded";
  return {
    ...{ id, workflow, group, title, trigger, actor, input, outputs, reason, ownToken: false, status },
    ...{ acceptedAt: at, retriesFrom: at, startedAt: isDone ? startedAt : undefined, endedAt },
    ...{ begun: isDone ? 1 : 0, failures: status === "failure" ? 1 : 0, stepsFrom: 1 },
    ...(status === "failure" && { http: 500, kind: "permanent" }),
    attempts: isDone ? [{ number: 1, startedAt, endedAt, outcome: status, reason, code }] : [],
    steps: steps.map((step, nth) => ({
      attempt: 1,
      startedAt: startedAt + nth,
      endedAt: startedAt + nth + 1,
      ...step,
    })),
    lines: lines.map((line, nth) => ({ attempt: 1, number: nth + 1, at: startedAt + nth, ...line })),
    ...more,
  };
}

/** Fills an empty store as `gh-runner import` does, with the counts per hour. Resolves with the number of runs. */
export async function fillStore(store: StoreConfig, runs: Iterable<Moved>): Promise<number> {
  const hours = new Map<number, { success: number; failure: number; skipped: number }>();
  function* lines() {
    yield { format: "gh-runner export", version: 1 };
    let records = 0;
    for (const run of runs) {
      records++;
      const { status, endedAt } = run as { status: string; endedAt: number };
      const hour = Math.floor(endedAt / HOUR_MS);
      const counts = hours.get(hour) ?? { success: 0, failure: 0, skipped: 0 };
      if (status in counts) counts[status as keyof typeof counts]++;
      hours.set(hour, counts);
      yield { run };
    }
    for (const [hour, counts] of hours) yield { hour: { hour, ...counts } };
    yield { end: { records: records + hours.size } };
  }
  const source = Readable.from(lines()).map((record: object) => Buffer.from(`${JSON.stringify(record)}\n`));
  return (await openMover(store)).import(source, new AbortController().signal);
}

/** Fills an existing store with records of the audit log, in this order. */
export async function fillAudit(place: StoreConfig, records: readonly AuditEntry[]): Promise<void> {
  const store = await openStore(unchanging(place), { clock: systemClock, log: { warn: () => {} } });
  await store.audit.add(records);
  await store.close();
}
