import * as z from "zod";
import { atFirstUse } from "../model/at-first-use.ts";
import { RUN_STATUSES } from "../model/run.ts";
import { MAX_TICKS } from "../model/workflow-facts.ts";
import { LOOKED_THROUGH_RUNS, MEASURED_RUNS, RECENT_RUNS } from "../model/workflow-stats.ts";

const text = (description: string) => z.string().meta({ description });

const patterns = (description: string) =>
  z
    .array(z.string())
    .readonly()
    .meta({ description: `${description} GitHub's filter patterns, the last one that matches counts.` })
    .optional();

/** Made for the description of the API, and for the command line: the service itself gives what has these types. */
const answers = atFirstUse(() => {
  const trigger = z.discriminatedUnion("trigger", [
    z.object({ trigger: z.literal("http"), path: text("`POST` to it starts a run.") }),
    z.object({ trigger: z.literal("flux"), path: text("Where Flux's notification-controller sends to.") }),
    z.object({
      trigger: z.literal("github"),
      events: z.array(z.string()).meta({ description: "Events of GitHub's webhook." }),
      actions: z.array(z.string()).meta({ description: "Only these actions; absent: all." }).optional(),
      branches: patterns("Only these branches."),
      branchesIgnore: patterns("All branches but these."),
      tags: patterns("Only pushes of these tags."),
      tagsIgnore: patterns("Only pushes of other tags."),
      paths: patterns("Only changes of one or more of these files."),
      pathsIgnore: patterns("Only changes of one or more other files."),
      labels: z
        .array(z.string())
        .readonly()
        .meta({ description: "Only what has one or more of these labels." })
        .optional(),
    }),
    z.object({
      trigger: z.literal("schedule"),
      cron: text("Five fields, or six with seconds first."),
      timeZone: text("An IANA name."),
    }),
    z.object({
      trigger: z.literal("manual"),
      description: text("What starting it does.").optional(),
      inputs: z
        .record(z.string(), z.unknown())
        .meta({
          description: "JSON Schema of the inputs; absent where the workflow's own schema cannot be written as one.",
        })
        .optional(),
    }),
    z.object({ trigger: z.literal("call") }).meta({ description: "Another workflow of the service starts it." }),
  ]);

  const paused = z
    .object({
      at: z.string().meta({ description: "Since when.", format: "date-time" }),
      actor: text("Who paused it, such as `token alice`."),
      all: z.boolean().meta({ description: "All workflows are paused, not this one by name." }),
    })
    .meta({ description: "Begins no run until it is resumed; absent: it is not paused." });

  /** The answer to a pause or its end. */
  const pauseSchema = z.object({
    workflow: text("Its name; `*` is all workflows."),
    changed: z.boolean().meta({ description: "false: it was so before." }),
    paused: paused.optional(),
    pausedByName: z
      .array(z.string())
      .meta({ description: "With `*`: the workflows that are paused by name, which stay so." })
      .optional(),
  });

  const permissions = z.record(z.string(), z.string()).optional();

  const credential = {
    githubApp: text("The GitHub App: `BOT` for the variables BOT_ID and BOT_PRIVATE_KEY.").optional(),
    githubToken: text("The variable with the token.").optional(),
  };

  const time = (description: string) => z.string().meta({ description, format: "date-time" });

  const endedRun = (description: string) =>
    z
      .object({ id: text("Of the run."), endedAt: time("When it ended.") })
      .meta({ description })
      .optional();

  const duration = (description: string) =>
    z
      .int()
      .meta({ description: `${description} ms.` })
      .optional();

  const stats = z
    .object({
      ended: z
        .int()
        .meta({ description: `How many of the newest ended runs the figures are taken from, up to ${MEASURED_RUNS}.` }),
      success: z.int().meta({ description: "How many of them succeeded." }),
      failure: z.int().meta({ description: "How many of them failed." }),
      successRate: z
        .number()
        .meta({
          description: "success / (success + failure), 0 to 1: skipped, superseded and cancelled runs do not count.",
        })
        .optional(),
      p50: duration("Median of how long the last attempts of those that succeeded or failed took,"),
      p95: duration("The 95th percentile of the same,"),
      lastSuccess: endedRun(`Among the newest ${LOOKED_THROUGH_RUNS} runs; absent: none of them succeeded.`),
      lastFailure: endedRun("Absent: no run that is kept failed."),
      recent: z
        .array(
          z.object({
            id: text("Of the run."),
            status: z.enum(RUN_STATUSES),
            acceptedAt: time("When it was accepted."),
          }),
        )
        .meta({ description: `The newest runs, newest first, up to ${RECENT_RUNS}.` }),
    })
    .meta({ description: "How its newest runs went." });

  const schedule = z
    .object({
      next: time("When it is due next; absent: it is never due again.").optional(),
      ticks: z.array(z.string()).meta({ description: `When it is due in the next 24 hours, the first ${MAX_TICKS}.` }),
      hasMore: z.boolean().meta({ description: "Whether it is due more often than `ticks` says." }),
      late: z
        .object({
          at: time("The tick that has passed."),
          run: text("Its run, which has not begun; absent: no run was accepted.").optional(),
        })
        .meta({ description: "Absent: nothing is late." })
        .optional(),
    })
    .meta({ description: "When its schedule is due; absent: it has none." });

  const workflow = z.object({
    name: text("Unique in the service."),
    file: text("Its file in WORKFLOWS_DIR, or `built in`."),
    code: text("The version of its code: the first 12 characters of the SHA-256 of its file.").optional(),
    repository: text("The GitHub repository that its runs are about, `owner/name`.").optional(),
    triggers: z.array(trigger).meta({ description: "What starts it." }),
    report: z
      .object({ as: z.enum(["check", "status"]), name: text("Of the check, or the context of the status.") })
      .meta({ description: "Where it shows the result of each run on the event's commit; absent: nowhere." })
      .optional(),
    ...credential,
    identities: z
      .record(z.string(), z.object({ ...credential, permissions }))
      .meta({ description: "Others that it asks GitHub as, by their names." })
      .optional(),
    permissions: permissions.meta({
      description:
        "What the tokens of a GitHub App may do in it, in the names of GitHub's API; absent: all that the App may.",
    }),
    paused: paused.optional(),
    // Services of older versions do not say these.
    schedule: schedule.optional(),
    stats: stats.optional(),
  });

  const workflowListSchema = z.object({
    workflows: z.array(workflow).meta({ description: "In the order in which they were loaded." }),
    broken: z
      .array(z.object({ file: z.string(), problems: z.array(z.string()) }))
      .meta({ description: "Files that bring no workflow, and why, with `WORKFLOWS_STRICT=false`." }),
    outdated: z
      .array(z.object({ file: z.string(), problems: z.array(z.string()) }))
      .meta({
        description: "Files that are broken now, and whose previous version runs, with `WORKFLOWS_RELOAD=true`.",
      })
      .optional(),
    gone: z
      .array(z.object({ name: text("The workflow of the runs."), stats }))
      .meta({ description: "Workflows that are not there any more, whose runs are kept." })
      .optional(),
  });
  return { trigger, paused, workflow, stats, schedule, pauseSchema, workflowListSchema };
});

export const pauseSchema = () => answers().pauseSchema;
export const workflowListSchema = () => answers().workflowListSchema;

/** The body of `POST /api/workflows/{name}/runs`. */
export const startSchema = z.strictObject(
  {
    inputs: z
      .record(z.string(), z.unknown(), "must be an object")
      .meta({ description: "As the workflow's schema wants them; `GET /api/workflows` has it." })
      .optional(),
  },
  "takes only inputs",
);

type Answers = ReturnType<typeof answers>;

export type TriggerShown = z.infer<Answers["trigger"]>;
export type PausedShown = z.infer<Answers["paused"]>;
export type WorkflowShown = z.infer<Answers["workflow"]>;
export type WorkflowList = z.infer<Answers["workflowListSchema"]>;
export type StatsShown = z.infer<Answers["stats"]>;
export type ScheduleShown = z.infer<Answers["schedule"]>;
