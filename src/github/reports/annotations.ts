import { PermanentFailure } from "../../model/failure.ts";
import { ownerAndName } from "../../model/github-names.ts";
import type { Annotation } from "../../model/github-reports.ts";
import { shown } from "../../model/problems.ts";
import { oneLine } from "../../model/visible.ts";
import type { Brief } from "../answer.ts";
import type { Ask } from "../ask.ts";
import { type Attempted, listIn } from "../failures.ts";
import { within } from "./reporting.ts";

/** GitHub's maximum per request. */
export const PER_REQUEST = 50;

/** GitHub documents no limit. This is 20 requests, and more than a person reads. */
export const MAX_ANNOTATIONS = 1000;

/** GitHub accepts 64 KB, and a character has up to 4 bytes. */
const MAX_MESSAGE = 16_000;
const MAX_TITLE = 255;
const MAX_PATH = 4096;

type Written = {
  readonly path: string;
  readonly start_line: number;
  readonly end_line: number;
  readonly annotation_level: string;
  readonly message: string;
  readonly title?: string;
};

/**
 * The annotations as GitHub takes them, without secrets. @throws PermanentFailure that names the first one for which
 * GitHub would reject them all.
 */
export function annotationsToWrite(
  { tried }: Attempted,
  annotations: readonly Annotation[],
  brief: Brief,
): readonly Written[] {
  return annotations.slice(0, MAX_ANNOTATIONS).map((annotation, at) => {
    const problem = problemIn(annotation);
    if (problem !== undefined) {
      const happened = `annotation ${at + 1} of ${annotations.length} cannot be written: ${brief(problem, MAX_TITLE)}`;
      throw new PermanentFailure({ tried, happened, remedy: "Correct it in the workflow.", sent: false });
    }
    const { path, line, endLine = line, message, title, level } = annotation;
    return {
      ...{ path: within(brief, path, MAX_PATH), start_line: line, end_line: endLine, annotation_level: level },
      message: within(brief, message, MAX_MESSAGE),
      ...(title !== undefined && { title: within(brief, oneLine(title), MAX_TITLE) }),
    };
  });
}

const LEVELS: readonly unknown[] = ["notice", "warning", "failure"] satisfies Annotation["level"][];

/** A workflow in JavaScript may pass anything. */
function problemIn({ path, line, endLine = line, message, level }: Annotation): string | undefined {
  if (typeof path !== "string" || !/^(?!\/)(?!(?:.*\/)?\.\.?(?:\/|$))\S/.test(path)) {
    return `path is ${shown(path)}: it must be a path from the top of the repository, such as "src/main.ts"`;
  }
  if (!isLine(line)) return `line is ${shown(line)} in ${path}: it must be a whole number from 1`;
  if (!isLine(endLine) || endLine < line) {
    return `endLine is ${shown(endLine)} in ${path}: it must be a whole number of at least ${line}, the value of line`;
  }
  if (typeof message !== "string" || message.trim() === "")
    return `message is ${shown(message)} in ${path}: it must be a text`;
  if (!LEVELS.includes(level)) return `level is ${shown(level)} in ${path}: it must be one of ${LEVELS.join(", ")}`;
  return undefined;
}

const isLine = (line: unknown) => Number.isSafeInteger(line) && Number(line) >= 1;

/**
 * The annotations that a check still lacks. Undefined if it has other annotations, which cannot be removed. An attempt
 * may have ended between two requests.
 */
export async function annotationsLeft(
  ask: Ask,
  looking: Attempted,
  { id, annotations: count }: { readonly id: number; readonly annotations: number },
  all: readonly Written[],
): Promise<readonly Written[] | undefined> {
  if (count === 0) return all;
  if (count > all.length) return undefined;
  const route = "GET /repos/{owner}/{repo}/check-runs/{check_run_id}/annotations";
  for (let page = 1; (page - 1) * PAGE < count; page++) {
    const which = { ...ownerAndName(looking.repository), check_run_id: id, per_page: PAGE, page };
    const found = listIn(looking, await ask(looking, route, which, [200]));
    const isSame = found.every((each, at) => keyOf(each) === keyOf(all[(page - 1) * PAGE + at]));
    if (!isSame || found.length === 0) return undefined;
  }
  return all.slice(count);
}

const PAGE = 100;

function keyOf(annotation: Partial<Written> | undefined): string {
  const { path, start_line, end_line, annotation_level, message, title } = annotation ?? {};
  return JSON.stringify([path, start_line, end_line, annotation_level, message, title ?? null]);
}
