import { type Failure, PermanentFailure, TransientFailure } from "../../model/failure.ts";
import type { GraphQLError } from "../../model/graphql.ts";
import { hasTooManyValues } from "../../model/json-values.ts";
import type { Answer, Brief } from "../answer.ts";
import { tooManyValues } from "../answer-data.ts";
import { type Attempted, limitReached, notUnderstood } from "../failures.ts";
import { remedyFor } from "../remedies.ts";

/** Whether an error beside the data is allowed, so that it does not fail the request. */
export type Allows = (error: GraphQLError) => boolean;

/** Enough of an error to recognise it. */
const MAX_MESSAGE_CHARACTERS = 300;
const MAX_NAME_CHARACTERS = 100;

/** More errors tell nothing new: GitHub reports one for each item of a list. */
const MAX_ERRORS = 50;

/**
 * Takes apart a 200 of GraphQL, whose body contains the errors. Returns any other answer unchanged.
 * @throws Failure if the body has too many values, ends early, or is not GraphQL.
 */
export function takenApart(answer: Answer, attempted: Attempted, allows: Allows, brief: Brief): Answer {
  const { status, headers, bytes } = answer;
  if (status !== 200 || !/\bjson\b/i.test(headers["content-type"] ?? "")) return answer;
  if (hasTooManyValues(bytes)) throw tooManyValues(attempted);
  const body = bodyOf(bytes, attempted);
  const given = "errors" in body ? body.errors : [];
  if (!Array.isArray(given)) throw notUnderstood(attempted);
  const errors = given
    .slice(0, MAX_ERRORS)
    .map((error) => errorOf(error, brief))
    .filter((error) => isLimit(error) || !allows(error));
  const data = "data" in body ? body.data : undefined;
  if (given.length === 0 && (typeof data !== "object" || data === null)) throw notUnderstood(attempted);
  const message = errors[0]?.message ?? "";
  return { ...answer, message, graphql: { data: (data ?? {}) as object, errors } };
}

function bodyOf(bytes: Uint8Array, attempted: Attempted): object {
  let body: unknown;
  try {
    body = JSON.parse(new TextDecoder().decode(bytes));
  } catch (cause) {
    // An object that was cut short is not JSON. For a write it is not an answer either.
    throw new TransientFailure({
      tried: attempted.tried,
      happened: "the answer ended early",
      remedy: "If it continues, check the network and any proxy in between.",
      cause,
    });
  }
  if (typeof body !== "object" || body === null) throw notUnderstood(attempted);
  return body;
}

function errorOf(error: unknown, brief: Brief): GraphQLError {
  const { type, message, path, extensions } = (error ?? {}) as Record<string, unknown>;
  const { code } = (extensions ?? {}) as Record<string, unknown>;
  const named = [type, code].find((each) => typeof each === "string") as string | undefined;
  const steps = Array.isArray(path) ? path.map(String).join(".") : "";
  return {
    ...(named !== undefined && { type: brief(named, MAX_NAME_CHARACTERS) }),
    message: brief(typeof message === "string" ? message : "", MAX_MESSAGE_CHARACTERS),
    ...(steps && { path: brief(steps, MAX_NAME_CHARACTERS) }),
  };
}

/**
 * The limit that an error reports: only the hourly points of GraphQL, or a secondary limit of the account.
 * @see https://docs.github.com/en/graphql/overview/rate-limits-and-query-limits-for-the-graphql-api#exceeding-the-rate-limit
 */
export function limitIn(answer: Answer): "graphql" | "account" | undefined {
  const limits = answer.graphql?.errors.filter(isLimit) ?? [];
  if (limits.length === 0) return undefined;
  return limits.some(({ message }) => SECONDARY.test(message)) ? "account" : "graphql";
}

const isLimit: Allows = ({ type = "", message }) => LIMITED.test(type) || SECONDARY.test(message);

const LIMITED = /^RATE_LIMIT(?:ED)?$/;
const SECONDARY = /secondary rate limit|abuse detection/i;

/** Time may help: GitHub has failed, or did not finish within its 10 seconds. */
const PASSING_TYPE = /^(?:INTERNAL(?:_\w+)?|SERVICE_UNAVAILABLE|TIMEOUT|BAD_GATEWAY)$/;
const PASSING_WORDS =
  /^Something went wrong while executing your query|couldn't respond to your request in time|^Timeout on|^Internal (?:server )?error/i;

/**
 * Turns an answer with errors into a failure.
 * @param context.notBefore set if it is a limit, which ends then (epoch milliseconds).
 */
export function graphQLFailure(
  attempted: Attempted,
  answer: Answer,
  { notBefore, ...asked }: Parameters<typeof remedyFor>[2] & { readonly notBefore?: number },
): Failure {
  const { errors = [], data = {} } = answer.graphql ?? {};
  const lasting = errors.find((error) => !isPassing(error));
  const [first = NONE] = lasting ? [lasting] : errors;
  const facts = { tried: attempted.tried, happened: whatCameOf(first, errors.length, answer), errors };
  // GitHub carries out the fields of a mutation one after the other. Fields before the error may be done.
  const isUndone = Object.values(data).every((value) => value === null) && errors.every((error) => !isPassing(error));
  if (notBefore !== undefined) return limitReached(facts, notBefore, isUndone);
  if (!lasting) {
    const remedy =
      "This is usually temporary. If it continues, request less data at a time, for example with a smaller `first`, or see https://www.githubstatus.com.";
    return new TransientFailure({ ...facts, remedy });
  }
  return new PermanentFailure({
    ...facts,
    remedy: remedyForError(attempted, first, answer, asked),
    ...(isUndone && { sent: false }),
  });
}

const NONE: GraphQLError = { message: "" };

function isPassing({ type = "", message }: GraphQLError): boolean {
  return PASSING_TYPE.test(type) || PASSING_WORDS.test(message);
}

/** `GitHub answered NOT_FOUND "Could not resolve to a Repository …" at repository and 2 more errors (request id AB12)` */
function whatCameOf({ type, message, path }: GraphQLError, count: number, { facts }: Answer): string {
  const words = [
    `GitHub answered ${type ?? "an error"}`,
    message && `"${message}"`,
    path && `at ${path}`,
    count > 1 && `and ${count - 1} more error${count > 2 ? "s" : ""}`,
    facts.length > 0 && `(${facts.join(", ")})`,
  ];
  return words.filter((each) => each).join(" ");
}

function remedyForError(
  attempted: Attempted,
  error: GraphQLError,
  answer: Answer,
  asked: Parameters<typeof remedyFor>[2],
): string {
  const { type, message, path } = error;
  switch (type) {
    case "NOT_FOUND":
      return "The request names something that does not exist or that the token cannot see: check each name and id in the request, and the token's permissions.";
    case "FORBIDDEN":
      // GitHub does not name the permission, as it does in a header for REST.
      if (asked.by?.permissions !== undefined && /by integration/i.test(message)) return NOT_GRANTED;
      return remedyFor(attempted, { ...answer, status: 403, message }, asked);
    case "INSUFFICIENT_SCOPES":
      return "Give the token the scope that GitHub names.";
    case "UNPROCESSABLE":
    case "STALE_DATA":
      return "GitHub cannot do this in the present state: read its message, then re-run.";
    case "MAX_NODE_LIMIT_EXCEEDED":
    case "RESOURCE_LIMITS_EXCEEDED":
      return "Request less data at a time, for example with a smaller `first` and fewer nested lists.";
  }
  // Errors of an invalid query have a code such as `undefinedField`, or none. All other errors have a type in capitals.
  const isInvalid = type === undefined ? path === undefined : /^[a-z]/.test(type);
  return isInvalid
    ? INVALID
    : "GitHub's message says what is wrong: correct it, or see https://docs.github.com/en/graphql.";
}

const NOT_GRANTED =
  "The workflow's `permissions` lack what this needs, or the GitHub App does: add it to both. GitHub's page about the field may name it.";

const INVALID =
  "Check the query's fields, arguments and variables: https://docs.github.com/en/graphql/reference lists them, and an Enterprise Server has those of its version.";
