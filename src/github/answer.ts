import type { IncomingHttpHeaders } from "node:http";
import type { GraphQLError } from "../model/graphql.ts";
import { hasTooManyValues } from "../model/json-values.ts";
import { oneLine } from "../model/visible.ts";

/** One answer of GitHub, read to its end. */
export type Answer = {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly bytes: Uint8Array;
  /** `message` of a JSON error body, or the start of any other error body, without secrets; else empty. */
  readonly message: string;
  /** `documentation_url` of a JSON error body; else empty. */
  readonly documentationUrl: string;
  /** Of a 200 of GraphQL: what it brings, and what went wrong and may not. */
  readonly graphql?: { readonly data: object; readonly errors: readonly GraphQLError[] };
  /** What its headers say that a person may need, without secrets: `request id AB12`. */
  readonly facts: readonly string[];
};

/** So many characters of a text without secrets, with a sign when there are more. */
export type Brief = (text: string, most: number) => string;

/** What is only shown of a failure is made when it is asked for: of every dispatch one answer is a 404 that is none. */
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

/** The object or list that an answer holds; empty when it holds none. What is in it must be looked at with care. */
export function jsonOf({ bytes }: Pick<Answer, "bytes">): object {
  if (hasTooManyValues(bytes)) return {};
  return jsonObject(new TextDecoder().decode(bytes)) ?? {};
}

/** A page for people, which GitHub's API never answers with. With 204 there is none, whatever a proxy has added. */
export function isPage({ status, headers }: Answer): boolean {
  return status !== 204 && /^text\/html\b/i.test(headers["content-type"] ?? "");
}

/** A body that cannot be read: compressed, although that was not asked for. */
export function isEncoded({ headers, bytes }: Answer): boolean {
  return bytes.byteLength > 0 && !isIdentity(headers);
}

/** Whether the body is as it was written: no coding is asked for, and none is undone. */
function isIdentity(headers: IncomingHttpHeaders): boolean {
  return /^(?:identity)?$/i.test(headers["content-encoding"] ?? "");
}

/** Enough of an error body to recognise it by. */
const MAX_MESSAGE_CHARACTERS = 300;

/** GitHub's error bodies have less than 1 KB; a page that stands in their place may have megabytes. */
const MAX_ERROR_BYTES = 64_000;

function errorText(bytes: Uint8Array, brief: Brief): { message: string; documentationUrl: string } {
  const text = new TextDecoder().decode(bytes.subarray(0, MAX_ERROR_BYTES));
  const body = jsonObject(text);
  const details = Array.isArray(body?.errors) ? `: ${JSON.stringify(body.errors)}` : "";
  // With a bound for the tag: without one a page of nothing but `<title` took 235 ms.
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
    // What is asked for at a login page may hold more than should be shown.
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
