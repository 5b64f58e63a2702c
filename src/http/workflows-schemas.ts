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
    .meta({ description: `${description} GitHub's filter patterns. The last one that matches counts.` })
    .optional();

/** Created for the description of the API and for the command line. The service itself needs only the types. */
const answers = atFirstUse(() => {
  const trigger = z.discriminatedUnion("trigger", [
    z.object({ trigger: z.literal("http"), path: text("A `POST` to this path starts a run.") }),
    z.object({ trigger: z.literal("flux"), path: text("Flux's notification-controller sends events to this path.") }),
    z.object({
      trigger: z.literal("github"),
      events: z.array(z.string()).meta({ description: "Names of GitHub's webhook events." }),
      actions: z.array(z.string()).meta({ description: "Only these actions. Absent: all actions." }).optional(),
      branches: patterns("Only these branches."),
      branchesIgnore: patterns("All branches but these."),
      tags: patterns("Only pushes of these tags."),
      tagsIgnore: patterns("Only pushes of other tags."),
      paths: patterns("Only if one or more of these files changed."),
      pathsIgnore: patterns("Only if one or more other files changed."),
      labels: z
        .array(z.string())
        .readonly()
        .meta({ description: "Only issues and pull requests with one or more of these labels." })
        .optional(),
    }),
    z.object({
      trigger: z.literal("schedule"),
      cron: text("A cron expression with five fields, or six with seconds first."),
      timeZone: text("A time zone's IANA name."),
    }),
    z.object({
      trigger: z.literal("manual"),
      description: text("What starting it does.").optional(),
      inputs: z
        .record(z.string(), z.unknown())
        .meta({
          description: "JSON Schema of the inputs. Absent if the workflow's schema cannot be expressed as one.",
        })
        .optional(),
    }),
    z.object({ trigger: z.literal("call") }).meta({ description: "Other workflows of the service start it." }),
  ]);

  const paused = z
    .object({
      at: z.string().meta({ description: "Since when.", format: "date-time" }),
      actor: text("Who paused it, such as `token alice`."),
      all: z.boolean().meta({ description: "true: all workflows are paused. false: this one is paused by name." }),
    })
    .meta({ description: "No run begins until it is resumed. Absent if it is not paused." });

  const pauseSchema = z.object({
    workflow: text("Name of the workflow. `*` means all workflows."),
    changed: z.boolean().meta({ description: "false: the request changed nothing." }),
    paused: paused.optional(),
    pausedByName: z
      .array(z.string())
      .meta({ description: "With `*`: workflows that are paused by name. They stay paused." })
      .optional(),
  });

  const permissions = z.record(z.string(), z.string()).optional();

  const credential = {
    githubApp: text("Prefix of the GitHub App's variables: `BOT` for BOT_ID and BOT_PRIVATE_KEY.").optional(),
    githubToken: text("Name of the variable with the token.").optional(),
  };

  const time = (description: string) => z.string().meta({ description, format: "date-time" });

  const endedRun = (description: string) =>
    z
      .object({ id: text("Id of the run."), endedAt: time("When it ended.") })
      .meta({ description })
      .optional();

  const duration = (description: string) =>
    z
      .int()
      .meta({ description: `${description} in ms.` })
      .optional();

  const stats = z
    .object({
      ended: z
        .int()
        .meta({ description: `Number of ended runs behind these figures: the newest ones, up to ${MEASURED_RUNS}.` }),
      success: z.int().meta({ description: "How many of them succeeded." }),
      failure: z.int().meta({ description: "How many of them failed." }),
      successRate: z
        .number()
        .meta({
          description: "success / (success + failure), 0 to 1. Skipped, superseded and cancelled runs do not count.",
        })
        .optional(),
      p50: duration("Median duration of the last attempts of runs that succeeded or failed,"),
      p95: duration("95th percentile of the same durations,"),
      lastSuccess: endedRun(`Among the newest ${LOOKED_THROUGH_RUNS} runs. Absent if none of them succeeded.`),
      lastFailure: endedRun("Absent if no stored run failed."),
      recent: z
        .array(
          z.object({
            id: text("Id of the run."),
            status: z.enum(RUN_STATUSES),
            acceptedAt: time("When it was accepted."),
          }),
        )
        .meta({ description: `The newest runs, newest first, up to ${RECENT_RUNS}.` }),
    })
    .meta({ description: "Figures of its newest runs." });

  const schedule = z
    .object({
      next: time("When it is due next. Absent if it is never due again.").optional(),
      ticks: z
        .array(z.string())
        .meta({ description: `When it is due in the next 24 hours, the first ${MAX_TICKS} times.` }),
      hasMore: z.boolean().meta({ description: "Whether it is due more often than `ticks` lists." }),
      late: z
        .object({
          at: time("When the late run was due."),
          run: text("Id of the run that has not begun. Absent if no run was accepted.").optional(),
        })
        .meta({ description: "Absent if nothing is late." })
        .optional(),
    })
    .meta({ description: "When its schedule is due. Absent if it has none." });

  const workflow = z.object({
    name: text("Unique in the service."),
    file: text("Its file in WORKFLOWS_DIR, or `built in`."),
    code: text("Version of its code: the first 12 characters of the SHA-256 of its file.").optional(),
    repository: text("The GitHub repository that its runs are about, `owner/name`.").optional(),
    triggers: z.array(trigger).meta({ description: "What starts it." }),
    report: z
      .object({ as: z.enum(["check", "status"]), name: text("Name of the check, or context of the status.") })
      .meta({
        description: "The check or status on the event's commit that shows each run's result. Absent if there is none.",
      })
      .optional(),
    ...credential,
    identities: z
      .record(z.string(), z.object({ ...credential, permissions }))
      .meta({ description: "Other GitHub identities that it uses, by name." })
      .optional(),
    permissions: permissions.meta({
      description: "Permissions of its GitHub App tokens, by GitHub's names. Absent: all permissions of the App.",
    }),
    paused: paused.optional(),
    // Services of older versions do not send these.
    schedule: schedule.optional(),
    stats: stats.optional(),
  });

  const workflowListSchema = z.object({
    workflows: z.array(workflow).meta({ description: "In the order in which they were loaded." }),
    broken: z.array(z.object({ file: z.string(), problems: z.array(z.string()) })).meta({
      description: "Broken files without a working workflow, with the problems. Only with `WORKFLOWS_STRICT=false`.",
    }),
    outdated: z
      .array(z.object({ file: z.string(), problems: z.array(z.string()) }))
      .meta({
        description: "Broken files whose previous version still runs. Only with `WORKFLOWS_RELOAD=true`.",
      })
      .optional(),
    gone: z
      .array(z.object({ name: text("Name of the workflow."), stats }))
      .meta({ description: "Workflows that no longer exist and whose runs are kept." })
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
      .meta({ description: "Inputs that match the workflow's schema. `GET /api/workflows` returns the schema." })
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
