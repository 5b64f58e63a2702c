import * as z from "zod";
import { atFirstUse } from "../model/at-first-use.ts";
import { RUN_STATUSES } from "../model/run.ts";

/** The queries and answers of the runs API: the single source for validation, types and /openapi.json. */

const json = (about: string) => z.unknown().meta({ description: `${about} Any JSON.` });
const text = (about: string) => z.string().meta({ description: about });
const time = (about: string) => z.string().meta({ description: about, format: "date-time" });
const count = (about: string) => z.int().min(0).meta({ description: about });
/** Created for the description of the API and for the command line. The service itself needs only the types. */
const answers = atFirstUse(() => {
  const kind = z.enum(["permanent", "transient", "limit"]).meta({
    description:
      "permanent: a person must act. transient: a retry may help. limit: GitHub allows no requests until a certain time.",
  });

  const runFields = {
    id: text("Stays the same when the run is retried or re-run."),
    workflow: text("Name of the workflow."),
    group: text("Concurrency group. Runs of one group never overlap.").optional(),
    title: text("The title that its workflow gave it, one line of up to 200 characters.").optional(),
    trigger: z
      .enum(["http", "schedule", "github", "flux", "manual", "call"])
      .meta({ description: "What started it." })
      .optional(),
    actor: text("Who started it, such as `token argocd`.").optional(),
    rerunOf: text("Id of the run that this run repeats with another input.").optional(),
    status: z.enum(RUN_STATUSES),
    ownToken: z.boolean().meta({
      description:
        "The event brought a GitHub token. The token is not stored, so the run gets one attempt and no re-run.",
    }),
    acceptedAt: time("When it was stored."),
    dueAt: time("For a queued run: when its next attempt is due.").optional(),
    startedAt: time("Start of the latest attempt.").optional(),
    endedAt: time("End of the run.").optional(),
    attemptCount: count("Number of attempts so far."),
    outputs: json("What the workflow returned.").optional(),
    reason: text("Why it was skipped, failed, or waits for another attempt.").optional(),
    http: z.literal([404, 500]).meta({ description: "Status of the answer to a waiting caller." }).optional(),
    kind: kind.optional(),
    supersededBy: text("Id of the newer run that replaced it.").optional(),
    cleaningUp: z
      .literal(true)
      .meta({ description: "The run is cancelled, but its workflow's `cancelled` has not ended yet." })
      .optional(),
  };

  const sentRequest = z.object({
    at: time("When it was sent."),
    method: text("POST, PUT, PATCH or DELETE."),
    path: text("Percent-encoded, with the query."),
    status: z.int().meta({ description: "Status of GitHub's answer. Absent if there was none." }).optional(),
    body: text("Up to 1 KB of the body, without tokens.").optional(),
    identity: text("The identity that sent it, if not the workflow's `github`.").optional(),
    heldBack: z.literal(true).meta({ description: "A dry run showed the request and did not send it." }).optional(),
  });

  const attempt = z.object({
    number: z.int().min(1),
    startedAt: time("When it began."),
    endedAt: time("When it ended."),
    outcome: z.enum(["success", "skipped", "failure", "waiting", "cancelled", "interrupted", "stopped"]).meta({
      description:
        "waiting: it ended because the run must wait. interrupted: the process ended before the attempt. stopped: the " +
        "service stopped and gave the run back.",
    }),
    reason: text("Why it was skipped, failed, interrupted or stopped.").optional(),
    kind: kind.optional(),
    githubRequestId: text("x-github-request-id of GitHub's last answer.").optional(),
    stack: text(
      "Where the workflow threw: the error, then its frames. Frames of the workflow's file come first.",
    ).optional(),
    code: text("Version of the workflow's code: the first 12 characters of the SHA-256 of its file.").optional(),
    sent: z
      .object({
        count: count("Number of writes, including those that failed."),
        requests: z.array(sentRequest).meta({ description: "The first 20, in the order in which they were sent." }),
      })
      .meta({
        description:
          "The writes that it sent or tried to send to GitHub, or that a dry run held back. Absent if there were none.",
      })
      .optional(),
    handler: z
      .boolean()
      .meta({ description: "This attempt was the workflow's `cancelled`, not its `run`." })
      .optional(),
  });

  const step = z.object({
    name: text("Name of the step in the workflow."),
    kind: z.enum(["step", "sleep", "waitUntil", "callback"]).meta({ description: "A step, or the kind of wait." }),
    attempt: z.int().min(1).meta({ description: "Number of the attempt that carried it out." }),
    startedAt: time("When it began."),
    endedAt: time("When it ended. Absent while it is running, and if it was interrupted.").optional(),
    interrupted: z
      .literal(true)
      .meta({ description: "Its attempt or run ended before it did. A later attempt repeats a step." })
      .optional(),
    result: json("Its result. Later attempts use it.").optional(),
    error: text("Why it failed.").optional(),
  });

  const action = z.object({
    at: time("When."),
    actor: text("Who, such as `token alice`."),
    action: z.enum(["started", "re-run", "cancelled", "paused", "resumed", "answered"]),
    details: text("More about it, in words.").optional(),
  });

  const runSchema = z.object(runFields);

  const runDetailSchema = z.object({
    ...runFields,
    input: json("What the workflow was given."),
    attempts: z.array(attempt).meta({ description: "Ended attempts, the first one first." }),
    steps: z.array(step).meta({ description: "In the order in which they began." }),
    superseded: z.array(z.string()).meta({ description: "Ids of the runs that it replaced, newest first, up to 100." }),
    actions: z.array(action).meta({ description: "Actions on the run, with their actor, oldest first." }),
  });

  const runPageSchema = z.object({
    runs: z.array(runSchema).meta({ description: "Newest first." }),
    next: text("Cursor of the next page. Absent on the last page.").optional(),
    unsearched: count(
      "For a search: how many runs are not yet searchable, up to 10,000. Absent if all are.",
    ).optional(),
  });
  return { runSchema, runDetailSchema, runPageSchema };
});

export const runSchema = () => answers().runSchema;
export const runDetailSchema = () => answers().runDetailSchema;
export const runPageSchema = () => answers().runPageSchema;

/** A query value. It is rejected if given twice. */
export const once = (about: string) => z.string("must be given once").meta({ description: about });

export function upTo(most: number, about: string) {
  const what = `must be a whole number from 1 to ${most}`;
  return z.coerce.number(what).int(what).min(1, what).max(most, what).meta({ description: about });
}

export const fromSchema = z
  .enum(["start", "failure"], "must be start or failure")
  .meta({
    description:
      "start: repeats all steps. This is the default. failure: keeps the results of successful steps and finished waits.",
  })
  .optional();

/** The query of `POST /api/runs/{id}/rerun`. */
export const rerunQuerySchema = z.strictObject(
  {
    evenIfOlder: z
      .enum(["true", "false"], "must be true or false")
      .transform((text) => text === "true")
      .meta({ description: "true: re-run it even if its concurrency group has a newer run." })
      .optional(),
    from: fromSchema,
  },
  "takes only evenIfOlder and from",
);

/** The body of `POST /api/runs/{id}/rerun`, which may be empty. */
export const rerunSchema = z.strictObject(
  {
    input: json("Another input. Starts a new run of the same trigger. It is checked like a new event.").optional(),
    inputs: json("The same, under the name that the trigger `manual` uses.").optional(),
  },
  "takes only input, which may be called inputs",
);

export type RunShown = z.infer<ReturnType<typeof runSchema>>;
export type RunDetailShown = z.infer<ReturnType<typeof runDetailSchema>>;
export type RunPageShown = z.infer<ReturnType<typeof runPageSchema>>;
