import * as z from "zod";
import { MAX_SEARCH_CHARACTERS } from "../model/search.ts";
import { FINDING_KINDS } from "../model/why/facts.ts";
import { once, upTo } from "./runs-schemas.ts";

const text = (about: string) => z.string().meta({ description: about });
const time = (about: string) => z.string().meta({ description: about, format: "date-time" });

const SEARCH =
  "The same search as on the page: words, and qualifiers such as repo:acme/shop, event:pull_request and since:2h.";

const search = z
  .string("must be given once")
  .max(MAX_SEARCH_CHARACTERS, `must have up to ${MAX_SEARCH_CHARACTERS} characters`);

/** The query of `GET /api/why`. */
export const whyQuerySchema = z.strictObject(
  { text: search.meta({ description: `What to explain, such as pr-1234. ${SEARCH}` }) },
  "takes only text",
);

/** The query of `GET /api/events`. */
export const eventsQuerySchema = z.strictObject(
  {
    text: search.meta({ description: `Only events and rejected requests that match. ${SEARCH}` }).optional(),
    limit: upTo(100, "Events on a page.").default(50),
    cursor: once("The `next` of an earlier answer.")
      .regex(/^\d{1,15}$/, "must be the `next` of an earlier answer")
      .optional(),
  },
  "takes only text, limit and cursor",
);

/** Created at its first use: only the description of the API and the command line need it. */
export function whySchema() {
  const finding = z.object({
    what: z.enum(FINDING_KINDS).meta({
      description:
        "question: what is wrong with the search. run, preview, rejected, ignored: what happened to it. broken, skips: what " +
        "stops it. heard, silent: who called. check: what to check. kept: how far back the records go.",
    }),
    text: text("One to three sentences."),
    at: time("When.").optional(),
    link: z
      .object({
        href: text("A path of the service, or the address of another page."),
        text: text("What it shows."),
      })
      .optional(),
    command: text("A command to copy into a shell.").optional(),
  });
  return z.object({
    text: text("The search, without tokens."),
    isKnown: z.boolean().meta({ description: "Whether a run matches, or an event that started no run." }),
    answer: text("One or two sentences."),
    findings: z
      .array(finding)
      .meta({ description: "The facts behind the answer, and what to do next. The most important first." }),
  });
}

export function eventsPageSchema() {
  const ignored = z.object({
    at: time("When it came."),
    source: z.enum(["github", "flux", "http"]),
    event: text("Such as pull_request.opened. For Flux, kind and reason. For a request, its path."),
    repository: text("owner/name.").optional(),
    number: z.int().meta({ description: "Number of the pull request or issue." }).optional(),
    subject: text("The application, or Flux's object.").optional(),
    sender: text("The account that caused the event.").optional(),
    ref: text("Branch or tag. For Flux, the revision.").optional(),
    sha: text("Full hash of the commit.").optional(),
    delivery: text("GitHub's id of the delivery.").optional(),
    woken: z.int().min(0).meta({ description: "How many waiting runs it woke." }),
    answer: text("What happened to the event."),
    reasons: z
      .array(
        z.object({ workflow: z.string(), reason: text("Why the workflow did not handle it. Continues its name.") }),
      )
      .meta({ description: "Up to 20. Workflows for this event come first." }),
  });
  const rejected = z.object({
    method: z.string(),
    path: z.string(),
    status: z.int().meta({ description: "Status of the answer." }),
    application: text("The application, if the request could be read that far.").optional(),
    reason: text("The reason in the answer."),
    firstAt: time("When it first came."),
    lastAt: time("When it last came."),
    times: z.int().min(1),
  });
  return z.object({
    events: z.array(ignored).meta({ description: "Verified events that started no run, newest first." }),
    next: text("Cursor of the next page of events. Absent on the last page.").optional(),
    rejected: z
      .array(rejected)
      .meta({ description: "Rejected requests, the latest first, each kind once. Only on the first page." }),
  });
}

export type WhyShown = z.infer<ReturnType<typeof whySchema>>;
export type EventsPageShown = z.infer<ReturnType<typeof eventsPageSchema>>;
