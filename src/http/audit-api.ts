import type { Hono } from "hono";
import { type AuditLog, type AuditRecord, problemText, type Verification } from "../model/audit.ts";
import type { Clock } from "../model/clock.ts";
import {
  type AuditPageShown,
  auditPageSchema,
  auditQuerySchema,
  type VerificationShown,
  verificationSchema,
} from "./audit-schemas.ts";
import type { Guard } from "./authorize.ts";
import { type Json, json, type Operation, queryParameters, type RefTo } from "./openapi-parts.ts";
import { timeIn } from "./run-filter.ts";
import { optionalTime, query, time } from "./runs-api.ts";

/** The part of the audit log that HTTP reads. */
export type AuditHistory = Pick<AuditLog, "list" | "verify"> & {
  /** Writes the records that are still in memory. */
  flush(): Promise<void>;
};

/** Mounts `GET /api/audit` and `GET /api/audit/verification`. */
export function mountAuditApi(
  app: Hono,
  { audit, guard, clock }: { audit: AuditHistory; guard: Guard; clock: Pick<Clock, "now"> },
): void {
  app.get("/api/audit", guard("operate-all"), async (c) => {
    const { limit, cursor, order, since, until, ...filter } = query(c, auditQuerySchema);
    const now = clock.now();
    const times = {
      since: since === undefined ? undefined : timeIn("since", since, now),
      until: until === undefined ? undefined : timeIn("until", until, now),
    };
    await audit.flush();
    const page = await audit.list({ ...filter, ...times }, { limit, cursor, newer: order === "oldest" });
    return c.json({ records: page.records.map(shownRecord), next: page.next } satisfies AuditPageShown);
  });
  app.get("/api/audit/verification", guard("operate-all"), async (c) =>
    c.json(shownVerification(await audit.verify())),
  );
}

function shownRecord({ at, link, ...record }: AuditRecord): AuditPageShown["records"][number] {
  return { at: time(at), ...record, ...link };
}

function shownVerification({ problems, notSealed, ...found }: Verification): VerificationShown {
  return {
    whole: problems.length === 0,
    ...found,
    problems: problems.map((problem) => ({ ...problem, text: problemText(problem) })),
    notSealed: { count: notSealed.count, latestAt: optionalTime(notSealed.latestAt) },
  };
}

export function auditPaths({ refTo, describe }: { refTo: RefTo; describe: (operation: Operation) => Json }): Json {
  return {
    "/api/audit": {
      get: describe({
        about: ["list-audit", "service", "List what was done and rejected, by whom"],
        description: "Records are kept for RETAIN_DAYS, like runs. Runs that events start are in the list of runs.",
        parameters: queryParameters(auditQuerySchema),
        200: json("A page of records.", refTo(auditPageSchema(), "AuditPage")),
        400: "A query value is not valid.",
        503: "The records cannot be read.",
      }),
    },
    "/api/audit/verification": {
      get: describe({
        about: ["verify-audit", "service", "Check the chain of the audit log"],
        description: "Reads all records and computes each hash. Shows what was removed, changed or added.",
        200: json("What was found.", refTo(verificationSchema(), "AuditVerification")),
        503: "The records cannot be read.",
      }),
    },
  };
}
