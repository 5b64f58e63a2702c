import type { IncomingHttpHeaders } from "node:http";
import { endpoint } from "@octokit/endpoint";
import { Agent } from "undici";
import { inTurns } from "./in-turns.ts";

/** One answer of GitHub, read to its end. */
export type Answer = {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly bytes: Uint8Array;
  /** `message` and `documentation_url` of a JSON error body; the start of any other error body; else empty. */
  readonly message: string;
  readonly documentationUrl: string;
};

export type Send = (route: string, parameters: Readonly<Record<string, unknown>>, token: string) => Promise<Answer>;

export type GitHubHttp = { send: Send; close(): Promise<void> };

/** GitHub ends a request after 10 s; giving up earlier would abandon dispatches that it may still carry out. */
const GITHUB_TIMEOUT_MS = 15_000;

/** DESIGN: a burst never opens more; GitHub allows 100 requests at once. */
const MAX_CONNECTIONS = 50;

/** A values file is a few KB; this bounds what a mistake can cost in memory and parsing time. */
const MAX_ANSWER_BYTES = 5_000_000;

const MAX_REDIRECTS = 3;

/** Supported until 2028-03-10, and the only version that GitHub Enterprise Server up to 3.20 knows. */
const API_VERSION = "2022-11-28";

/**
 * Sends requests to one GitHub over keep-alive connections, written in the route templates of GitHub's documentation.
 * `send` rejects only when there was no complete answer; any status resolves. A redirect (301 on reads, 307 and 308) is
 * followed with method and body kept, to the same origin only: the default of fetch turns a redirected POST into a GET
 * that answers 200, and the event is lost.
 */
export function openGitHubHttp({
  apiUrl,
  userAgent,
  timeoutMs = GITHUB_TIMEOUT_MS,
}: {
  apiUrl: string;
  userAgent: string;
  timeoutMs?: number;
}): GitHubHttp {
  const { origin } = new URL(apiUrl);
  const build = endpoint.defaults({
    baseUrl: apiUrl,
    headers: { "user-agent": userAgent, "x-github-api-version": API_VERSION, accept: "application/vnd.github+json" },
  });
  // The time-out of a request begins when it is sent, not while it waits for a connection.
  const turns = inTurns(MAX_CONNECTIONS);
  const agent = new Agent({
    connections: MAX_CONNECTIONS,
    keepAliveTimeout: 30_000,
    connect: { timeout: timeoutMs },
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
    maxResponseSize: MAX_ANSWER_BYTES,
  });

  const send: Send = async (route, parameters, token) => {
    const request = build(route, parameters);
    const body = request.body === undefined ? null : JSON.stringify(request.body);
    const headers: Record<string, string> = { authorization: `Bearer ${token}` };
    for (const [name, value] of Object.entries(request.headers)) {
      if (value !== undefined) headers[name] = String(value);
    }
    if (body !== null) headers["content-type"] = "application/json; charset=utf-8";

    let path = request.url.slice(origin.length);
    for (let redirects = 0; ; redirects++) {
      const attempt = { origin, path, method: request.method, headers, body };
      const answer = await turns.take(() => sendOnce(agent, attempt, timeoutMs));
      const next = redirects < MAX_REDIRECTS ? redirectPath(answer, origin) : undefined;
      if (next === undefined) return answer;
      path = next;
    }
  };
  return { send, close: () => agent.destroy() };
}

async function sendOnce(
  agent: Agent,
  request: { origin: string; path: string; method: string; headers: Record<string, string>; body: string | null },
  timeoutMs: number,
): Promise<Answer> {
  const timeout = new AbortController();
  const timer = setTimeout(() => timeout.abort(), timeoutMs);
  try {
    const { statusCode, headers, body } = await agent.request({
      ...request,
      method: request.method as "GET" | "POST",
      signal: timeout.signal,
    });
    const bytes = new Uint8Array(await body.arrayBuffer());
    return { status: statusCode, headers, bytes, ...errorText(statusCode, bytes) };
  } finally {
    clearTimeout(timer);
  }
}

function redirectPath({ status, headers }: Answer, origin: string): string | undefined {
  if (![301, 307, 308].includes(status) || !headers.location || !URL.canParse(headers.location, origin)) {
    return undefined;
  }
  const target = new URL(headers.location, origin);
  return target.origin === origin ? target.pathname + target.search : undefined;
}

/** Enough of an error body to recognise it by. */
const MAX_MESSAGE_CHARACTERS = 300;

/** GitHub's error bodies have less than 1 KB; a page that stands in their place may have megabytes. */
const MAX_ERROR_BYTES = 64_000;

function errorText(status: number, bytes: Uint8Array): { message: string; documentationUrl: string } {
  if (status < 300) return { message: "", documentationUrl: "" };
  const text = new TextDecoder().decode(bytes.subarray(0, MAX_ERROR_BYTES));
  const body = jsonObject(text);
  const details = Array.isArray(body?.errors) ? `: ${JSON.stringify(body.errors)}` : "";
  const title = /<title[^>]*>([^<]{1,200})/i.exec(text)?.[1];
  const message = typeof body?.message === "string" ? body.message + details : (title ?? text);
  return {
    message: message
      .slice(0, 2 * MAX_MESSAGE_CHARACTERS)
      .replace(/[\p{Cc}\s]+/gu, " ")
      .trim()
      .slice(0, MAX_MESSAGE_CHARACTERS)
      .toWellFormed(),
    documentationUrl: typeof body?.documentation_url === "string" ? body.documentation_url : "",
  };
}

function jsonObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
