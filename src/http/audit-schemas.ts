import * as z from "zod";
import { AUDIT_ACTIONS, AUDIT_OUTCOMES } from "../model/audit.ts";
import { once, upTo } from "./runs-schemas.ts";

const text = (about: string) => z.string().meta({ description: about });
const time = (about: string) => z.string().meta({ description: about, format: "date-time" });

const WHEN = "how long ago, such as `2h`, a day, or a time (RFC 3339, in UTC).";

/** The query of `GET /api/audit`. */
export const auditQuerySchema = z.strictObject(
  {
    actor: once("Only records of actors with this in their name.").optional(),
    action: z
      .enum(AUDIT_ACTIONS, `must be one of ${AUDIT_ACTIONS.join(", ")}`)
      .meta({ description: "Only records of this action." })
      .optional(),
    outcome: z
      .enum(AUDIT_OUTCOMES, `must be one of ${AUDIT_OUTCOMES.join(", ")}`)
      .meta({ description: "Only what was done, or what was rejected." })
      .optional(),
    workflow: once("Only records of this workflow; `*` means all workflows together.").optional(),
    run: once("Only records of the run with this id.").optional(),
    address: once("Only records from this address.").optional(),
    bulk: once("Only records of one request that changed several runs.").optional(),
    since: once(`Only records at this time or later: ${WHEN}`).optional(),
    until: once(`Only records before: ${WHEN}`).optional(),
    order: z.enum(["newest", "oldest"], "must be newest or oldest").default("newest").meta({
      description:
        "Which records come first. With `oldest`, `next` is always present: use it to ask for newer records.",
    }),
    limit: upTo(500, "Records on a page.").default(50),
    cursor: once("The `next` of an earlier answer of the same order.")
      .regex(/^\d{1,15}$/, "must be the `next` of an earlier answer")
      .optional(),
  },
  "takes only actor, action, outcome, workflow, run, address, bulk, since, until, order, limit and cursor",
);

/** Created at its first use: only the description of the API and the command line need it. */
export function auditPageSchema() {
  const record = z.object({
    at: time("When. For several equal records, the first."),
    actor: text("Who, such as `token alice`. `unknown` if a request had no valid credential."),
    role: text("The actor's role: caller, viewer or operator.").optional(),
    via: text("The kind of credential.").optional(),
    address: text("The address of the request.").optional(),
    action: z.enum(AUDIT_ACTIONS),
    outcome: z.enum(AUDIT_OUTCOMES),
    run: text("Id of the run.").optional(),
    workflow: text("Name of the workflow. `*` means all workflows.").optional(),
    bulk: text("One value for all records of one request that changed several runs.").optional(),
    details: text("More about it, in words.").optional(),
    times: z.int().min(1).meta({ description: "How many equal records this one counts." }),
    number: z.int().meta({ description: "Its place in the chain. Absent if an earlier version wrote it." }).optional(),
    hash: text("SHA-256 over the record and the previous hash, in hex.").optional(),
  });
  return z.object({
    records: z.array(record),
    next: text("Cursor of the next page. With the newest first, absent on the last page.").optional(),
  });
}

export function verificationSchema() {
  const link = z.object({ number: z.int(), hash: z.string() });
  return z.object({
    whole: z.boolean().meta({ description: "Whether the chain has no problem." }),
    checked: z.int().meta({ description: "How many records were read." }),
    anchor: link.meta({ description: "The last record that was deleted after RETAIN_DAYS." }),
    head: link.meta({ description: "The newest record." }),
    problems: z.array(
      z.object({
        kind: z.enum(["missing", "cut_start", "cut_end", "changed", "misplaced"]),
        from: z.int(),
        to: z.int(),
        text: text("What is wrong, in a sentence."),
      }),
    ),
    notSealed: z
      .object({ count: z.int(), latestAt: time("When the last of them was written.").optional() })
      .meta({ description: "Records without a hash, from an earlier version." }),
  });
}

export type AuditPageShown = z.infer<ReturnType<typeof auditPageSchema>>;
export type VerificationShown = z.infer<ReturnType<typeof verificationSchema>>;
