import * as z from "zod";
import { PREVIEW_RESULTS } from "../model/chain.ts";
import { STAGES } from "../model/chain-facts.ts";
import { RUN_STATUSES } from "../model/run.ts";
import { once, upTo } from "./runs-schemas.ts";

const text = (about: string) => z.string().meta({ description: about });
const time = (about: string) => z.string().meta({ description: about, format: "date-time" });
/** Made at its first use: the service needs it for the description of the API alone. */
export function previewPageSchema() {
  const url = text("Its page.").optional();
  const conclusion = text("GitHub's word: success, failure, cancelled, timed_out, …").optional();

  const run = z.object({
    id: z.string(),
    workflow: text("Name of the workflow."),
    status: z.enum(RUN_STATUSES),
  });

  const stage = z.object({
    name: z.enum(STAGES).meta({
      description:
        "received: the notification. read: the values file. dispatched: GitHub has the event. created, started, ended: the " +
        "Actions run. reported: the result.",
    }),
    at: time("When; absent while it is ahead, and when it is not known.").optional(),
    seconds: z.number().min(0).meta({ description: "Since the latest known stage before it." }).optional(),
  });

  const job = z.object({
    name: z.string(),
    conclusion,
    url,
    startedAt: time("When it began.").optional(),
    endedAt: time("When it ended.").optional(),
  });

  const previewSchema = z.object({
    application: text("Name of the application."),
    result: z.enum(PREVIEW_RESULTS).meta({
      description:
        "nothing_started: there is no Actions run, and none will come. cancelled: by a person, a newer commit, or the end of " +
        "the pull request. dispatched: the tests are not followed (FOLLOW).",
    }),
    reason: text("Why it is so, where the result does not say it.").optional(),
    receivedAt: time("When the notification came."),
    environment: run.meta({ description: "The run that read the values file and dispatched." }).optional(),
    tests: run.meta({ description: "The run that follows the tests." }).optional(),
    supersededBy: text("Id of the newer run that replaced it.").optional(),
    repeatedBy: z
      .object({ id: z.string(), at: time("When.") })
      .meta({ description: "The run that came of the same notification later, and was skipped." })
      .optional(),
    values: z
      .object({
        repository: z.string(),
        path: z.string(),
        commit: text("At which it was read.").optional(),
      })
      .meta({ description: "The values file." })
      .optional(),
    commit: z.object({ name: text("As the values file has it."), sha: text("The full hash.").optional() }).optional(),
    repository: text("In which the tests run, owner/name.").optional(),
    pullRequest: z
      .object({ number: z.int(), url, title: z.string().optional(), state: z.string().optional() })
      .optional(),
    actionsRun: z.object({ id: z.int(), url, attempt: z.int().optional(), conclusion }).optional(),
    jobs: z.array(job).meta({ description: "Of its latest attempt, up to 50." }),
    stages: z.array(stage).meta({ description: "All stages, in their order." }),
  });

  return z.object({
    previews: z.array(previewSchema).meta({ description: "Newest first." }),
    next: text("Cursor of the next page; absent on the last one.").optional(),
  });
}

/** The query of `GET /api/previews`. */
export const previewsQuerySchema = z.strictObject(
  {
    application: once("All previews of this application. Without it, the newest of each.").optional(),
    text: once("Only applications with this in their name, in any case.").optional(),
    result: z
      .enum(PREVIEW_RESULTS, `must be one of ${PREVIEW_RESULTS.join(", ")}`)
      .meta({
        description:
          "Only previews with this result. 300 are looked through at once: a page may be empty and have a `next`.",
      })
      .optional(),
    limit: upTo(100, "Previews on a page.").default(20),
    cursor: z
      .string("must be given once")
      .regex(/^\d{1,15}$/, "must be the `next` of an earlier answer")
      .meta({ description: "The `next` of an earlier answer." })
      .optional(),
  },
  "takes only application, text, result, limit and cursor",
);

export type PreviewPageShown = z.infer<ReturnType<typeof previewPageSchema>>;
