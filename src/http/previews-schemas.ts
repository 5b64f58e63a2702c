import * as z from "zod";
import { PREVIEW_RESULTS } from "../model/chain.ts";
import { STAGES } from "../model/chain-facts.ts";
import { RUN_STATUSES } from "../model/run.ts";
import { once, upTo } from "./runs-schemas.ts";

const text = (about: string) => z.string().meta({ description: about });
const time = (about: string) => z.string().meta({ description: about, format: "date-time" });
/** Created at its first use: the service needs it only for the description of the API. */
export function previewPageSchema() {
  const url = text("Its page at GitHub.").optional();
  const conclusion = text("GitHub's conclusion: success, failure, cancelled, timed_out, …").optional();

  const run = z.object({
    id: z.string(),
    workflow: text("Name of the workflow."),
    status: z.enum(RUN_STATUSES),
  });

  const stage = z.object({
    name: z.enum(STAGES).meta({
      description:
        "received: the notification came. read: the values file was read. dispatched: GitHub has the event. created, " +
        "started, ended: of the Actions run. reported: the result was reported.",
    }),
    at: time("When. Absent if it has not happened or the time is not known.").optional(),
    seconds: z.number().min(0).meta({ description: "Time since the previous known stage." }).optional(),
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
        "nothing_started: no Actions run started, and none will. cancelled: by a person, a newer commit, or the end of " +
        "the pull request. dispatched: the service does not follow the tests (FOLLOW).",
    }),
    reason: text("Why the result is what it is, if that is not obvious.").optional(),
    receivedAt: time("When the notification came."),
    environment: run.meta({ description: "The run that read the values file and dispatched." }).optional(),
    tests: run.meta({ description: "The run that follows the tests." }).optional(),
    supersededBy: text("Id of the newer run that replaced it.").optional(),
    repeatedBy: z
      .object({ id: z.string(), at: time("When.") })
      .meta({ description: "The later run of a repeated notification. It was skipped." })
      .optional(),
    values: z
      .object({
        repository: z.string(),
        path: z.string(),
        commit: text("The commit at which it was read.").optional(),
      })
      .meta({ description: "The values file." })
      .optional(),
    commit: z.object({ name: text("The name in the values file."), sha: text("The full hash.").optional() }).optional(),
    repository: text("The repository in which the tests run, owner/name.").optional(),
    pullRequest: z
      .object({ number: z.int(), url, title: z.string().optional(), state: z.string().optional() })
      .optional(),
    actionsRun: z.object({ id: z.int(), url, attempt: z.int().optional(), conclusion }).optional(),
    jobs: z.array(job).meta({ description: "Jobs of the latest attempt, up to 50." }),
    stages: z.array(stage).meta({ description: "All stages, in order." }),
  });

  return z.object({
    previews: z.array(previewSchema).meta({ description: "Newest first." }),
    next: text("Cursor of the next page. Absent on the last page.").optional(),
  });
}

/** The query of `GET /api/previews`. */
export const previewsQuerySchema = z.strictObject(
  {
    application: once("All previews of this application. Without it, the newest preview of each.").optional(),
    text: once("Only applications with this text in their name. Case does not matter.").optional(),
    result: z
      .enum(PREVIEW_RESULTS, `must be one of ${PREVIEW_RESULTS.join(", ")}`)
      .meta({
        description:
          "Only previews with this result. One request searches 300 previews, so a page may be empty and have a `next`.",
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
