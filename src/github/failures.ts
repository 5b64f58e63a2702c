import { type Failure, LimitReached, PermanentFailure, TransientFailure } from "../model/failure.ts";
import type { Need } from "./credentials.ts";
import type { Answer } from "./http.ts";
import { isCloud } from "./limits.ts";
import { ProxyError } from "./proxy.ts";

/** What a request was for, in the words of its failure: "reading a.yaml in acme/deployment". */
export type Attempted = Need & { readonly tried: string };

/**
 * Turns an answer that is not the expected one into a failure. The only place that knows what GitHub's answers mean;
 * docs/troubleshooting.md lists what a user can meet.
 * @param context.notBefore the answer is a limit, which ends then (epoch milliseconds).
 */
export function failureOf(
  attempted: Attempted,
  answer: Answer,
  { apiUrl, notBefore }: { apiUrl: string; notBefore?: number },
): Failure {
  const facts = { tried: attempted.tried, happened: whatCame(answer) };
  if (notBefore !== undefined) {
    const remedy = `Nothing to do: GitHub takes requests again after ${new Date(notBefore).toISOString()}.`;
    return new LimitReached({ ...facts, remedy }, notBefore);
  }
  if (answer.status >= 500 || answer.status === 408) {
    const remedy = "Nothing to do if it passes; else see https://www.githubstatus.com.";
    return new TransientFailure({ ...facts, remedy });
  }
  return new PermanentFailure({ ...facts, remedy: remedyFor(attempted, answer, apiUrl) });
}

function remedyFor({ repository, permission }: Attempted, answer: Answer, apiUrl: string): string {
  const { status, headers, message } = answer;
  if (isPage(answer) || /\/login\b/.test(headers.location ?? "")) {
    const url = enterpriseUrl(apiUrl);
    if (url) return `GitHub Enterprise Server has its API below /api/v3: set GITHUB_API_URL to ${url}.`;
  }
  if (/actions (?:has been |have been |is |are )?disabled/i.test(message)) {
    return `GitHub Actions is disabled for ${repository}: enable it in the repository's settings, under Actions.`;
  }
  if (status === 401) {
    return "The token is wrong, expired or revoked: give the service a valid GITHUB_TOKEN (or the request a valid github_token).";
  }
  if (status === 403) {
    if (headers["x-github-sso"])
      return `Authorize the token for the organisation's single sign-on: ${ssoUrl(headers)}.`;
    if (/archived/i.test(message)) {
      return `${repository} is archived and takes no events: unarchive it, or name another repository.`;
    }
    if (/suspended/i.test(message)) {
      return `An owner of ${ownerOf(repository)} has suspended the App: unsuspend it in the settings, under GitHub Apps.`;
    }
    if (/ip allow list|ip address/i.test(message)) {
      return `Add the address from which this service reaches GitHub to the IP allow list of ${ownerOf(repository)}.`;
    }
    return `Give the token the permission ${wanted(permission)} on ${repository} (a classic token: scope repo).`;
  }
  if (status === 404) {
    return (
      `${repository} does not exist or the token cannot see it: check the name, and give the token ` +
      `${wanted(permission)} on it.`
    );
  }
  if (status === 413 || (status === 422 && /too large/i.test(message))) {
    return "The event is larger than GitHub takes (64 KB): send less in it.";
  }
  if (status === 422 && /event_type/.test(message)) return "Set EVENT_TYPE to 1 to 100 characters.";
  if (status === 422 || status === 400)
    return "GitHub found the request invalid: check the settings that it is made of.";
  if (status >= 300 && status < 400) {
    return `Redirects are followed only within the same host: check GITHUB_API_URL and the name ${repository}.`;
  }
  return "This is not how GitHub answers: check GITHUB_API_URL and any proxy in between.";
}

/** Which permission a route needs that a workflow has chosen is not known here. */
function wanted(permission: string): string {
  return permission ? `"${permission}"` : "that this request needs";
}

/** A page for people, which GitHub's API never answers with. */
export function isPage({ headers }: Answer): boolean {
  return /^text\/html\b/.test(headers["content-type"] ?? "");
}

/** What GITHUB_API_URL should be, if it may be a GitHub Enterprise Server without the path of its API. */
function enterpriseUrl(apiUrl: string): string | undefined {
  const { host, origin, pathname } = new URL(apiUrl);
  return isCloud(host) || pathname.endsWith("/api/v3") ? undefined : `${origin}/api/v3`;
}

function ownerOf(repository: string): string {
  return repository.split("/")[0] ?? repository;
}

/** `GitHub answered 403 "Not accessible" (request id AB12, needs contents=write)` */
export function whatCame({ status, headers, message }: Answer): string {
  const facts = [
    headers["x-github-request-id"] && `request id ${headers["x-github-request-id"]}`,
    headers["x-accepted-github-permissions"] && `needs ${headers["x-accepted-github-permissions"]}`,
    headers.location && `location ${headers.location}`,
  ].filter(Boolean);
  return `GitHub answered ${status}${message ? ` "${message}"` : ""}${facts.length ? ` (${facts.join(", ")})` : ""}`;
}

/** No usable answer at all: refused, reset, timed out, cut short. Nobody knows whether GitHub carried it out. */
export function noAnswer(attempted: Attempted, url: string, error: unknown): Failure {
  const code = codeOf(error);
  const cause = { tried: attempted.tried, cause: error };
  if (code === "UND_ERR_RES_EXCEEDED_MAX_SIZE") {
    return new PermanentFailure({
      ...cause,
      happened: "the answer is larger than this service reads",
      remedy: "Keep the file under 5 MB.",
    });
  }
  if (error instanceof ProxyError) {
    return new TransientFailure({ ...cause, happened: error.message, remedy: error.remedy });
  }
  const certificate = /CERT|SELF_SIGNED|SIGNATURE|ERR_TLS/.test(code);
  return new TransientFailure({
    ...cause,
    happened: `no complete answer from ${url} (${NO_ANSWER[code] ?? messageOf(error)})`,
    remedy: certificate
      ? "Make the host's certificate authority known with NODE_EXTRA_CA_CERTS."
      : "Check the network, GITHUB_API_URL and any proxy if it does not pass.",
  });
}

const NO_ANSWER: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connection refused",
  ECONNRESET: "connection reset",
  ENOTFOUND: "host name not found",
  EAI_AGAIN: "host name could not be looked up",
  UND_ERR_SOCKET: "connection closed in between",
  UND_ERR_ABORTED: "timed out",
  UND_ERR_CONNECT_TIMEOUT: "timed out while connecting",
  UND_ERR_HEADERS_TIMEOUT: "timed out",
  UND_ERR_BODY_TIMEOUT: "timed out in the middle of the answer",
};

function ssoUrl(headers: Answer["headers"]): string {
  return /url=(\S+)/.exec(String(headers["x-github-sso"]))?.[1] ?? "see the token's settings on GitHub";
}

function codeOf(error: unknown): string {
  for (let at = error; at instanceof Error; at = at.cause) {
    if ("code" in at && typeof at.code === "string") return at.code;
  }
  return "";
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message || error.name : String(error);
}
