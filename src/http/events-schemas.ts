import * as z from "zod";
import { MAX_SEARCH_CHARACTERS } from "../model/search.ts";
import { FINDING_KINDS } from "../model/why/facts.ts";
import { once, upTo } from "./runs-schemas.ts";

const text = (about: string) => z.string().meta({ description: about });
const time = (about: string) => z.string().meta({ description: about, format: "date-time" });

const SEARCH =
  "As in the search of the page: words, and qualifiers such as repo:acme/shop, event:pull_request and since:2h.";

const search = z
  .string("must be given once")
  .max(MAX_SEARCH_CHARACTERS, `must have up to ${MAX_SEARCH_CHARACTERS} characters`);

/** The query of `GET /api/why`. */
export const whyQuerySchema = z.strictObject(
  { text: search.meta({ description: `What nothing happened with: pr-1234. ${SEARCH}` }) },
  "takes only text",
);

/** The query of `GET /api/events`. */
export const eventsQuerySchema = z.strictObject(
  {
    text: search.meta({ description: `Only events and rejected requests with this. ${SEARCH}` }).optional(),
    limit: upTo(100, "Events on a page.").default(50),
    cursor: once("The `next` of an earlier answer.")
      .regex(/^\d{1,15}$/, "must be the `next` of an earlier answer")
      .optional(),
  },
  "takes only text, limit and cursor",
);

/** Made at its first use, like all that only the description of the API and the command line need. */
export function whySchema() {
  const finding = z.object({
    what: z.enum(FINDING_KINDS).meta({
      description:
        "question: what is wrong with the search. run, preview, rejected, ignored: what became of it. broken, skips: what is " +
        "in its way. heard, silent: who called. check: what to look at. kept: how far back this is known.",
    }),
    text: text("One to three sentences."),
    at: time("When.").optional(),
    link: z
      .object({
        href: text("A path of the service, or the address of a page elsewhere."),
        text: text("What it shows."),
      })
      .optional(),
    command: text("To copy into a shell.").optional(),
  });
  return z.object({
    text: text("What was asked, without tokens."),
    isKnown: z.boolean().meta({ description: "Whether a run of it is known, or an event that started none." }),
    answer: text("In a sentence or two."),
    findings: z
      .array(finding)
      .meta({ description: "How the answer is known, and what to do next; the most important first." }),
  });
}

export function eventsPageSchema() {
  const ignored = z.object({
    at: time("When it came."),
    source: z.enum(["github", "flux", "http"]),
    event: text("pull_request.opened; of Flux kind and reason; of a request its path."),
    repository: text("owner/name.").optional(),
    number: z.int().meta({ description: "Of the pull request or issue." }).optional(),
    subject: text("The application, or Flux's object.").optional(),
    sender: text("Who caused it.").optional(),
    ref: text("Branch or tag; of Flux the revision.").optional(),
    sha: text("Full hash of the commit.").optional(),
    delivery: text("GitHub's id of the delivery.").optional(),
    woken: z.int().min(0).meta({ description: "How many runs waited for it and looked again." }),
    answer: text("What became of it."),
    reasons: z
      .array(z.object({ workflow: z.string(), reason: text("Why the workflow does not want it; continues its name.") }))
      .meta({ description: "Up to 20, those of workflows for this event first." }),
  });
  const rejected = z.object({
    method: z.string(),
    path: z.string(),
    status: z.int().meta({ description: "Of the answer." }),
    application: text("Where the request could be read so far.").optional(),
    reason: text("As its sender was told."),
    firstAt: time("When it first came."),
    lastAt: time("When it last came."),
    times: z.int().min(1),
  });
  return z.object({
    events: z
      .array(ignored)
      .meta({ description: "Events that came from where they say and started no run, newest first." }),
    next: text("Cursor of the next page of events; absent on the last one.").optional(),
    rejected: z
      .array(rejected)
      .meta({ description: "Rejected requests, the latest first, each kind once; on the first page alone." }),
  });
}

export type WhyShown = z.infer<ReturnType<typeof whySchema>>;
export type EventsPageShown = z.infer<ReturnType<typeof eventsPageSchema>>;
