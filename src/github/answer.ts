import type { IncomingHttpHeaders } from "node:http";
import type { GraphQLError } from "../model/graphql.ts";
import { hasTooManyValues } from "../model/json-values.ts";
import { oneLine } from "../model/visible.ts";

/** One complete answer of GitHub. */
export type Answer = {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly bytes: Uint8Array;
  /** `message` of a JSON error body, or the start of any other error body, without secrets. Otherwise empty. */
  readonly message: string;
  /** `documentation_url` of a JSON error body. Otherwise empty. */
  readonly documentationUrl: string;
  /** For a 200 of GraphQL: its data, and the errors that fail the request. */
  readonly graphql?: { readonly data: object; readonly errors: readonly GraphQLError[] };
  /** Facts in the headers that a person may need, without secrets: `request id AB12`. */
  readonly facts: readonly string[];
};

/** Shortens a text without secrets to `most` characters, and marks that it was shortened. */
export type Brief = (text: string, most: number) => string;

/** Error texts are made only when needed: every dispatch reads one 404 that is not a failure. */
export function answerOf(status: number, headers: IncomingHttpHeaders, bytes: Uint8Array, brief: Brief): Answer {
  const error = () => (status < 300 ? NO_ERROR : errorText(isIdentity(headers) ? bytes : new Uint8Array(), brief));
  return {
    status,
    headers,
    bytes,
    get message() {
      return error().message;
    },
    get documentationUrl() {
      return error().documentationUrl;
    },
    get facts() {
      return factsIn(headers, brief);
    },
  };
}

const NO_ERROR = { message: "", documentationUrl: "" };

/** The object or list in an answer. Empty if there is none. Check each value in it before use. */
export function jsonOf({ bytes }: Pick<Answer, "bytes">): object {
  if (hasTooManyValues(bytes)) return {};
  return jsonObject(new TextDecoder().decode(bytes)) ?? {};
}

/** A web page, which GitHub's API never sends. A 204 has no body, even if a proxy adds one. */
export function isPage({ status, headers }: Answer): boolean {
  return status !== 204 && /^text\/html\b/i.test(headers["content-type"] ?? "");
}

/** A body that cannot be read: compressed, although gh-runner did not ask for that. */
export function isEncoded({ headers, bytes }: Answer): boolean {
  return bytes.byteLength > 0 && !isIdentity(headers);
}

/** Whether the body has no content encoding. gh-runner asks for none and decodes none. */
function isIdentity(headers: IncomingHttpHeaders): boolean {
  return /^(?:identity)?$/i.test(headers["content-encoding"] ?? "");
}

/** Enough of an error body to recognise it. */
const MAX_MESSAGE_CHARACTERS = 300;

/** GitHub's error bodies have less than 1 KB. A web page in their place may have megabytes. */
const MAX_ERROR_BYTES = 64_000;

function errorText(bytes: Uint8Array, brief: Brief): { message: string; documentationUrl: string } {
  const text = new TextDecoder().decode(bytes.subarray(0, MAX_ERROR_BYTES));
  const body = jsonObject(text);
  const details = Array.isArray(body?.errors) ? `: ${JSON.stringify(body.errors)}` : "";
  // The length of the tag is bounded: without a bound, a page full of `<title` took 235 ms.
  const title = /<title[^>]{0,200}>([^<]+)/i.exec(text)?.[1];
  const message = typeof body?.message === "string" ? body.message + details : (title ?? text);
  const start = oneLine(brief(message, 2 * MAX_MESSAGE_CHARACTERS));
  return {
    message: brief(start, MAX_MESSAGE_CHARACTERS),
    documentationUrl: typeof body?.documentation_url === "string" ? body.documentation_url : "",
  };
}

/** A header may have 16 KB. */
const MAX_HEADER_CHARACTERS = 200;

function factsIn(headers: IncomingHttpHeaders, brief: Brief): readonly string[] {
  const facts: Readonly<Record<string, unknown>> = {
    "request id": headers["x-github-request-id"],
    needs: headers["x-accepted-github-permissions"],
    // The query of a login page's address may contain more than should be shown.
    location: headers.location?.split("?")[0],
  };
  return Object.entries(facts).flatMap(([name, fact]) =>
    fact ? `${name} ${brief(String(fact), MAX_HEADER_CHARACTERS)}` : [],
  );
}

function jsonObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
