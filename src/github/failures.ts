import { type Failure, LimitReached, PermanentFailure, TransientFailure } from "../model/failure.ts";
import type { Need } from "./credentials.ts";
import type { Answer } from "./http.ts";
import { ProxyError } from "./proxy.ts";
import { remedyFor } from "./remedies.ts";

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

/** `GitHub answered 403 "Not accessible" (request id AB12, needs contents=write)` */
export function whatCame({ status, headers, message }: Answer): string {
  const facts = [
    headers["x-github-request-id"] && `request id ${headers["x-github-request-id"]}`,
    headers["x-accepted-github-permissions"] && `needs ${headers["x-accepted-github-permissions"]}`,
    // What is asked for at a login page may hold more than should be shown.
    headers.location && `location ${headers.location.split("?")[0]}`,
  ];
  const short = facts.filter((fact) => typeof fact === "string").map((fact) => fact.slice(0, MAX_HEADER_CHARACTERS));
  return `GitHub answered ${status}${message ? ` "${message}"` : ""}${short.length ? ` (${short.join(", ")})` : ""}`;
}

/** A header may have 16 KB. */
const MAX_HEADER_CHARACTERS = 200;

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
  return new TransientFailure({
    ...cause,
    happened: `no complete answer from ${url} (${NO_ANSWER[code] ?? messageOf(error)})`,
    remedy: remedyForConnection(code),
  });
}

const NO_ANSWER: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connection refused",
  ECONNRESET: "connection reset",
  ENOTFOUND: "host name not found",
  EAI_AGAIN: "host name could not be looked up",
  UND_ERR_SOCKET: "connection closed in between",
  UND_ERR_ABORTED: "timed out",
  ABORT_ERR: "timed out",
  UND_ERR_CONNECT_TIMEOUT: "timed out while connecting",
  UND_ERR_HEADERS_TIMEOUT: "timed out",
  UND_ERR_BODY_TIMEOUT: "timed out in the middle of the answer",
};

/** Codes of OpenSSL as Node names them: https://nodejs.org/api/tls.html#x509-certificate-error-codes */
function remedyForConnection(code: string): string {
  if (code === "CERT_HAS_EXPIRED" || code === "CERT_NOT_YET_VALID") {
    return "The host's certificate is not valid today: renew it, or set this machine's clock.";
  }
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID") {
    return "The certificate is another host's: check the host in GITHUB_API_URL.";
  }
  if (/CERT|SELF_SIGNED|SIGNATURE|ERR_TLS/.test(code)) {
    return "Make the host's certificate authority known with NODE_EXTRA_CA_CERTS.";
  }
  if (/SSL|EPROTO/.test(code)) return "The host does not speak TLS there: check scheme and port in GITHUB_API_URL.";
  return "Check the network, GITHUB_API_URL and any proxy if it does not pass.";
}

function codeOf(error: unknown): string {
  for (let at = error; at instanceof Error; at = at.cause) {
    if (at.name === "AbortError") return "ABORT_ERR";
    if ("code" in at && typeof at.code === "string") return at.code;
  }
  return "";
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message || error.name : String(error);
}
