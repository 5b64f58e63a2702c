import { type Failure, LimitReached, PermanentFailure, TransientFailure } from "../model/failure.ts";
import type { Answer } from "./http.ts";

/** What a request was for, in the words of its failure. */
export type Attempted = {
  /** "reading a.yaml in acme/deployment" */
  readonly tried: string;
  readonly repository: string;
  /** The permission that a fine-grained token or an App needs for it: "Contents: read". Empty when it is not known. */
  readonly permission: string;
};

/** Turns an answer that is not the expected one into a failure. The only place that knows what GitHub's answers mean. */
export function failureOf(attempted: Attempted, answer: Answer, now: number): Failure {
  const happened = `GitHub answered ${describe(answer)}`;
  const facts = (remedy: string) => ({ tried: attempted.tried, happened, remedy });
  const { status, headers } = answer;

  const notBefore = limitEnds(answer, now);
  if (notBefore !== undefined) {
    return new LimitReached(
      facts(`GitHub takes requests again after ${new Date(notBefore).toISOString()}.`),
      notBefore,
    );
  }
  if (status >= 500 || status === 408) {
    return new TransientFailure(facts("Nothing to do if it passes; else see https://www.githubstatus.com."));
  }
  if (status === 401) {
    return new PermanentFailure(
      facts("The token is wrong, expired or revoked: give the service a valid GITHUB_TOKEN."),
    );
  }
  if (status === 403 && headers["x-github-sso"]) {
    return new PermanentFailure(
      facts(`Authorize the token for the organisation's single sign-on: ${ssoUrl(headers)}.`),
    );
  }
  if (status === 403) {
    return new PermanentFailure(
      facts(
        `Give the token the permission ${needed(attempted)} on ${attempted.repository} (a classic token: scope repo).`,
      ),
    );
  }
  if (status === 404) {
    return new PermanentFailure(
      facts(
        `${attempted.repository} does not exist or the token cannot see it: check the name, and give the token ` +
          `${needed(attempted)} on it.`,
      ),
    );
  }
  if (status === 422 || status === 400) {
    return new PermanentFailure(facts("GitHub found the request invalid: check the settings that it is made of."));
  }
  if (status >= 300 && status < 400) {
    return new PermanentFailure(
      facts(
        `Redirects are followed only within the same host: check GITHUB_API_URL and the name ${attempted.repository}.`,
      ),
    );
  }
  return new PermanentFailure(facts("This is not how GitHub answers: check GITHUB_API_URL and any proxy in between."));
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

/** GitHub asks for a minute of silence after a secondary limit that names no time. */
const SECONDARY_LIMIT_PAUSE_MS = 60_000;

/**
 * When a limit ends, in epoch milliseconds; undefined when the answer is none. Order of decision: `retry-after`, then
 * `x-ratelimit-reset` when nothing remains, then a minute.
 * @see https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api
 */
function limitEnds({ status, headers, message, documentationUrl }: Answer, now: number): number | undefined {
  if (status !== 403 && status !== 429) return undefined;
  const seconds = Number(headers["retry-after"]);
  if (headers["retry-after"] !== undefined && Number.isFinite(seconds)) return now + seconds * 1000;
  const reset = Number(headers["x-ratelimit-reset"]);
  if (headers["x-ratelimit-remaining"] === "0" && Number.isFinite(reset)) {
    const serverClock = Date.parse(String(headers.date));
    const skew = Number.isNaN(serverClock) ? 0 : serverClock - now;
    return Math.max(now, reset * 1000 - skew);
  }
  const secondary =
    status === 429 ||
    /secondary rate limit|abuse/i.test(message) ||
    /(secondary|abuse)-rate-limits$/.test(documentationUrl);
  return secondary ? now + SECONDARY_LIMIT_PAUSE_MS : undefined;
}

function describe({ status, headers, message }: Answer): string {
  const facts = [
    headers["x-github-request-id"] && `request id ${headers["x-github-request-id"]}`,
    headers["x-accepted-github-permissions"] && `needs ${headers["x-accepted-github-permissions"]}`,
    headers.location && `location ${headers.location}`,
  ].filter(Boolean);
  return `${status}${message ? ` "${message}"` : ""}${facts.length ? ` (${facts.join(", ")})` : ""}`;
}

function needed({ permission }: Attempted): string {
  return permission === "" ? "that this request needs" : `"${permission}"`;
}

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
