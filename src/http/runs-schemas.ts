import * as z from "zod";
import { atFirstUse } from "../model/at-first-use.ts";
import { RUN_STATUSES } from "../model/run.ts";

/** What the runs API takes and gives. The one source for validation, for the types and for /openapi.json. */

const json = (about: string) => z.unknown().meta({ description: `${about} Any JSON.` });
const text = (about: string) => z.string().meta({ description: about });
const time = (about: string) => z.string().meta({ description: about, format: "date-time" });
const count = (about: string) => z.int().min(0).meta({ description: about });
/** Made for the description of the API, and for the command line: the service itself gives what has these types. */
const answers = atFirstUse(() => {
  const kind = z.enum(["permanent", "transient", "limit"]).meta({
    description:
      "permanent: a person must act. transient: time may help. limit: GitHub asked for silence until a time.",
  });

  const runFields = {
    id: text("Stays the same when the run is attempted again or re-run."),
    workflow: text("Name of the workflow."),
    group: text("Concurrency group; runs of one group never overlap.").optional(),
    title: text("What its workflow calls it, in one line of up to 200 characters.").optional(),
    trigger: z
      .enum(["http", "schedule", "github", "flux", "manual", "call"])
      .meta({ description: "What started it." })
      .optional(),
    actor: text("Who started it, such as `token argocd`.").optional(),
    rerunOf: text("Id of the run that this one re-runs with another input.").optional(),
    status: z.enum(RUN_STATUSES),
    ownToken: z.boolean().meta({
      description: "It brought its GitHub token, which is not stored: it is attempted once and not re-run.",
    }),
    acceptedAt: time("When it was stored."),
    dueAt: time("While it is queued: when its next attempt is due.").optional(),
    startedAt: time("Start of the latest attempt.").optional(),
    endedAt: time("End of the run.").optional(),
    attemptCount: count("Attempts begun so far."),
    outputs: json("What the workflow returned.").optional(),
    reason: text("Why it was skipped, failed, or waits for another attempt.").optional(),
    http: z.literal([404, 500]).meta({ description: "Status that a waiting caller is answered with." }).optional(),
    kind: kind.optional(),
    supersededBy: text("Id of the newer run that took its place.").optional(),
    cleaningUp: z
      .literal(true)
      .meta({ description: "It is cancelled, and its workflow's `cancelled` has not ended yet." })
      .optional(),
  };

  const sentRequest = z.object({
    at: time("When it was sent."),
    method: text("POST, PUT, PATCH or DELETE."),
    path: text("Percent-encoded, with the query."),
    status: z.int().meta({ description: "Of GitHub's answer; absent when there was none." }).optional(),
    body: text("Up to 1 KB of it, without tokens.").optional(),
    identity: text("Who sent it, where it was not the workflow's `github`.").optional(),
    heldBack: z.literal(true).meta({ description: "A dry run has shown it instead." }).optional(),
  });

  const attempt = z.object({
    number: z.int().min(1),
    startedAt: time("When it began."),
    endedAt: time("When it ended."),
    outcome: z.enum(["success", "skipped", "failure", "waiting", "cancelled", "interrupted", "stopped"]).meta({
      description:
        "waiting: it ended since the run must wait. interrupted: the process ended before the attempt did. stopped: the " +
        "service was stopped and gave the run back.",
    }),
    reason: text("Why it was skipped, failed, interrupted or stopped.").optional(),
    kind: kind.optional(),
    githubRequestId: text("x-github-request-id of GitHub's last answer.").optional(),
    stack: text(
      "Where in the workflow it threw: the error, then its frames, those of the workflow's file first.",
    ).optional(),
    code: text("Version of the workflow's code: the first 12 characters of the SHA-256 of its file.").optional(),
    sent: z
      .object({
        count: count("How many writes there were, tries that failed included."),
        requests: z.array(sentRequest).meta({ description: "The first 20, in the order in which they were sent." }),
      })
      .meta({ description: "What it has changed at GitHub, or tried to; absent when that is nothing." })
      .optional(),
    handler: z.boolean().meta({ description: "It was the workflow's `cancelled`, not its `run`." }).optional(),
  });

  const step = z.object({
    name: text("As the workflow names it."),
    kind: z.enum(["step", "sleep", "waitUntil", "callback"]).meta({ description: "A step, or the kind of wait." }),
    attempt: z.int().min(1).meta({ description: "Number of the attempt that did it." }),
    startedAt: time("When it began."),
    endedAt: time("When it ended; absent while it is under way, and when it was interrupted.").optional(),
    interrupted: z
      .literal(true)
      .meta({ description: "Its attempt, or its run, ended before it did. A later attempt does a step again." })
      .optional(),
    result: json("What it gave; later attempts use it.").optional(),
    error: text("Why it failed.").optional(),
  });

  const action = z.object({
    at: time("When."),
    actor: text("Who, such as `token alice`."),
    action: z.enum(["started", "re-run", "cancelled", "paused", "resumed", "answered"]),
    details: text("What more is to say of it.").optional(),
  });

  const runSchema = z.object(runFields);

  const runDetailSchema = z.object({
    ...runFields,
    input: json("What the workflow was given."),
    attempts: z.array(attempt).meta({ description: "Ended attempts, first one first." }),
    steps: z.array(step).meta({ description: "In the order in which they began." }),
    superseded: z
      .array(z.string())
      .meta({ description: "Ids of the runs whose place it took, newest first, at most 100." }),
    actions: z.array(action).meta({ description: "What was done with it and by whom, oldest first." }),
  });

  const runPageSchema = z.object({
    runs: z.array(runSchema).meta({ description: "Newest first." }),
    next: text("Cursor of the next page; absent on the last one.").optional(),
    unsearched: count(
      "Of a search: so many runs are not searched yet as they are now, up to 10,000; absent when there is none.",
    ).optional(),
  });
  return { runSchema, runDetailSchema, runPageSchema };
});

export const runSchema = () => answers().runSchema;
export const runDetailSchema = () => answers().runDetailSchema;
export const runPageSchema = () => answers().runPageSchema;

/** A value of a query: given twice, it is rejected. */
export const once = (about: string) => z.string("must be given once").meta({ description: about });

export function upTo(most: number, about: string) {
  const what = `must be a whole number from 1 to ${most}`;
  return z.coerce.number(what).int(what).min(1, what).max(most, what).meta({ description: about });
}

export const fromSchema = z
  .enum(["start", "failure"], "must be start or failure")
  .meta({
    description:
      "start: all steps are repeated, as they are without this. failure: what steps and finished waits led to stands.",
  })
  .optional();

/** The query of `POST /api/runs/{id}/rerun`. */
export const rerunQuerySchema = z.strictObject(
  {
    evenIfOlder: z
      .enum(["true", "false"], "must be true or false")
      .transform((text) => text === "true")
      .meta({ description: "true: re-run it although its concurrency group has a newer run." })
      .optional(),
    from: fromSchema,
  },
  "takes only evenIfOlder and from",
);

/** The body of `POST /api/runs/{id}/rerun`, which may be empty. */
export const rerunSchema = z.strictObject(
  {
    input: json("Another input: starts a new run of the same trigger, checked as a new event is.").optional(),
    inputs: json("The same, as the trigger `manual` calls it.").optional(),
  },
  "takes only input, which may be called inputs",
);

export type RunShown = z.infer<ReturnType<typeof runSchema>>;
export type RunDetailShown = z.infer<ReturnType<typeof runDetailSchema>>;
export type RunPageShown = z.infer<ReturnType<typeof runPageSchema>>;
