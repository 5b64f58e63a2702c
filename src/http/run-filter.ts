import * as z from "zod";
import { isBeginningOfId, type RunFilter } from "../model/history.ts";
import { RUN_STATUSES } from "../model/run.ts";
import { MAX_SEARCH_CHARACTERS, parseSearch, QUALIFIERS } from "../model/search.ts";
import { pastTime, type Side } from "../model/search-time.ts";
import { Rejection } from "./problem.ts";
import { once, upTo } from "./runs-schemas.ts";

const timeOf = (about: string) =>
  `${about}: how long ago, such as \`2h\`, a day, or a time (RFC 3339; within the last 24 hours also \`13:00\`, in UTC).`;

const qualifiers = QUALIFIERS.map(({ example, meaning }) => `\`${example}\`: only runs ${meaning}.`).join(" ");

/** The part of a query that selects runs. */
export const filterFields = {
  workflow: once("Only runs of this workflow.").optional(),
  group: once("Only runs of this concurrency group.").optional(),
  text: once("")
    .meta({
      description:
        "Only runs that have all of these words. A word may be anywhere in the run's application, commit, input, outputs, " +
        `reasons, steps or log lines. Case does not matter. Put \`"two words"\` in quotes to find them together. ${qualifiers}`,
      maxLength: MAX_SEARCH_CHARACTERS,
    })
    .optional(),
  since: once(timeOf("Only runs that were accepted at this time or later")).optional(),
  until: once(timeOf("Only runs that were accepted before")).optional(),
};

/** The query of `GET /api/runs`. It rejects unknown names, so that a misspelt filter is not ignored. */
export const runsQuerySchema = z.strictObject(
  {
    id: z
      .string("must be given once")
      .refine(isBeginningOfId, "must be the beginning of a run's id")
      .meta({ description: "Only runs whose id begins with this." })
      .optional(),
    status: z
      .enum(RUN_STATUSES, `must be one of ${RUN_STATUSES.join(", ")}`)
      .meta({ description: "Only runs with this status now." })
      .optional(),
    ...filterFields,
    limit: upTo(100, "Runs on a page.").default(20),
    cursor: z
      .string("must be given once")
      .regex(/^\d{1,15}$/, "must be the `next` of an earlier answer")
      .meta({ description: "The `next` of an earlier answer." })
      .optional(),
  },
  "takes only id, status, workflow, group, text, since, until, limit and cursor",
);

type Given = Omit<RunFilter, "since" | "until" | "words"> &
  Readonly<Partial<Record<"text" | "since" | "until", string | undefined>>>;

/**
 * The filter for a query.
 * @throws Rejection 400 that names each problem.
 */
export function filterOf({ text = "", since, until, ...named }: Given, now: number): RunFilter {
  const search = parseSearch(text, now);
  const given = {
    ...Object.fromEntries(Object.entries(named).filter(([, value]) => value !== undefined)),
    ...(since !== undefined && { since: timeIn("since", since, now) }),
    ...(until !== undefined && { until: timeIn("until", until, now) }),
  } as Omit<RunFilter, "words">;
  const twice = Object.entries(given).filter(([name, value]) => {
    const meant = search.filter[name as keyof typeof given];
    return meant !== undefined && meant !== value;
  });
  const problems = [
    ...search.problems,
    ...twice.map(([name]) => `${name} is given twice, as a parameter and in text. Give it once.`),
  ];
  if (problems.length > 0) throw new Rejection(400, problems.join(" "), {}, { problems });
  return { ...search.filter, ...given };
}

export function timeIn(side: Side, text: string, now: number): number {
  const time = pastTime(text, { now, zone: "UTC", side });
  if (time !== undefined) return time;
  throw new Rejection(400, `${side} must be a length of time such as 2h, or a time such as 2026-11-24T12:00:00Z.`);
}
