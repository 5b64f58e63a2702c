import * as z from "zod";

const text = (description: string) => z.string().meta({ description });

const patterns = (description: string) =>
  z
    .array(z.string())
    .readonly()
    .meta({ description: `${description} GitHub's filter patterns, the last one that matches counts.` })
    .optional();

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
export const pauseSchema = z.object({
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

const workflow = z.object({
  name: text("Unique in the service."),
  file: text("Its file in WORKFLOWS_DIR, or `built in`."),
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
});

export const workflowListSchema = z.object({
  workflows: z.array(workflow).meta({ description: "In the order in which they were loaded." }),
  broken: z
    .array(z.object({ file: z.string(), problems: z.array(z.string()) }))
    .meta({ description: "Files that bring no workflow, and why, with `WORKFLOWS_STRICT=false`." }),
});

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

export type TriggerShown = z.infer<typeof trigger>;
export type PausedShown = z.infer<typeof paused>;
export type WorkflowShown = z.infer<typeof workflow>;
