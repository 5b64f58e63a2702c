import { type Failure, type FailureFacts, LimitReached, PermanentFailure, TransientFailure } from "../model/failure.ts";
import { networkFault } from "../model/network.ts";
import { type Answer, jsonOf } from "./answer.ts";
import type { Need } from "./auth/credentials.ts";
import { NO_LENGTH } from "./exchange.ts";
import { ProxyError } from "./proxy.ts";
import { remedyFor } from "./remedies.ts";

/** What a request was for, in the words of its failure: "reading a.yaml in acme/deployment". */
export type Attempted = Need & { readonly tried: string };

/**
 * Turns an unexpected answer into a failure. Only this file knows what GitHub's answers mean. docs/troubleshooting.md
 * lists what a user can meet.
 * @param context.notBefore set if the answer is a limit, which ends then (epoch milliseconds).
 */
export function failureOf(
  attempted: Attempted,
  answer: Answer,
  { notBefore, ...asked }: Parameters<typeof remedyFor>[2] & { readonly notBefore?: number },
): Failure {
  const facts = { tried: attempted.tried, happened: whatCame(answer) };
  if (notBefore !== undefined) return limitReached(facts, notBefore, isRejected(answer));
  if (isFault(answer)) {
    const remedy = "This is usually temporary. If it continues, see https://www.githubstatus.com.";
    return new TransientFailure({ ...facts, remedy });
  }
  const remedy = remedyFor(attempted, answer, asked);
  return new PermanentFailure({ ...facts, remedy, ...(isRejected(answer) && { sent: false }) });
}

/** @param isUndone whether GitHub has certainly not done what was asked. */
export function limitReached(facts: Omit<FailureFacts, "remedy">, notBefore: number, isUndone: boolean): LimitReached {
  const remedy = `Nothing to do: GitHub accepts requests again after ${new Date(notBefore).toISOString()}.`;
  return new LimitReached({ ...facts, remedy, ...(isUndone && { sent: false }) }, notBefore);
}

/** Whether GitHub has failed, so that time may help. */
export function isFault({ status }: Answer): boolean {
  return status >= 500 || status === 408;
}

/** Whether GitHub has certainly not done what was asked. After a timeout (408) this is unknown. */
function isRejected({ status }: Answer): boolean {
  return status >= 400 && status < 500 && status !== 408;
}

/** `GitHub answered 403 "Not accessible" (request id AB12, needs contents=write)` */
export function whatCame({ status, message, facts }: Answer): string {
  return `GitHub answered ${status}${message ? ` "${message}"` : ""}${facts.length > 0 ? ` (${facts.join(", ")})` : ""}`;
}

/** An answer with the right status and the wrong content. */
export function notUnderstood({ tried }: Attempted): Failure {
  return new PermanentFailure({
    tried,
    happened: "GitHub's answer does not have the expected content",
    remedy: "Check GITHUB_API_URL and any proxy in between.",
  });
}

/**
 * The list in an answer, or in a field of it. Throws if there is none: code that takes it for an empty list might
 * create something twice.
 */
export function listIn(attempted: Attempted, answer: Answer, name?: string): readonly Listed[] {
  const json = jsonOf(answer);
  return listOf(attempted, name === undefined ? json : (json as Listed)[name]);
}

/** The same for data that was already read. */
export function listOf(attempted: Attempted, list: unknown): readonly Listed[] {
  if (!Array.isArray(list)) throw notUnderstood(attempted);
  return list.filter((each) => typeof each === "object" && each !== null);
}

export type Listed = Readonly<Record<string, unknown>>;

/**
 * No usable answer: connection failed, reset, timed out or cut short. Whether GitHub carried it out is known only if
 * there was no connection. An error that is not a network error is permanent: the request would fail the same way each
 * time.
 */
export function noAnswer(attempted: Attempted, url: string, error: unknown): Failure {
  const cause = { tried: attempted.tried, cause: error, ...(wasNeverSent(error) && { sent: false as const }) };
  if (error instanceof ProxyError) {
    return new TransientFailure({ ...cause, happened: error.message, remedy: error.remedy });
  }
  const fault = networkFault(error);
  if (fault) {
    const happened = `no complete answer from ${url} (${fault.words})`;
    return new TransientFailure({ ...cause, happened, remedy: remedyForConnection(fault.code) });
  }
  const { code, message } = (error ?? {}) as { code?: unknown; message?: string };
  if (code === NO_LENGTH) {
    return new TransientFailure({
      ...cause,
      happened: "the answer has no length, so it may be incomplete",
      remedy:
        "Configure the proxy in between to pass on Content-Length or Transfer-Encoding, or name GitHub's host in NO_PROXY.",
    });
  }
  if (code === "UND_ERR_RES_EXCEEDED_MAX_SIZE") {
    return new PermanentFailure({
      ...cause,
      happened: "the answer is larger than gh-runner reads",
      remedy: "Request less than 5 MB: a smaller file, or fewer items at a time.",
    });
  }
  const happened = `the request could not be made (${message || String(error)})`;
  if (/authorization/i.test(message ?? "")) {
    const remedy = "The token contains characters that no token has, such as a line break: set it again.";
    return new PermanentFailure({ ...cause, happened, remedy });
  }
  return new PermanentFailure({
    ...cause,
    happened,
    remedy: "Correct its headers and parameters, or report this as a bug.",
  });
}

/** Whether there was no connection yet that could have carried the request. */
function wasNeverSent(error: unknown): boolean {
  for (let at = error; at instanceof Error; at = at.cause) {
    const { code = "", syscall } = at as NodeJS.ErrnoException;
    if (syscall === "connect" || syscall === "getaddrinfo" || BEFORE_CONNECTED.test(code)) return true;
    if (at instanceof ProxyError && /^Proxy /.test((at.cause as Error | undefined)?.message ?? "")) return true;
  }
  return false;
}

/**
 * Connection failed, host not found, or certificate not trusted. After several tried addresses there is no `syscall`.
 */
const BEFORE_CONNECTED =
  /^(?:ECONNREFUSED|ENOTFOUND|EAI_\w+|UND_ERR_CONNECT_TIMEOUT|UND_ERR_PRX_\w+|CERT_\w+|UNABLE_TO_\w+|\w*SELF_SIGNED\w*|ERR_TLS_(?:CERT|HANDSHAKE)_\w+)$/;

function remedyForConnection(code: string): string {
  if (code === "CERT_HAS_EXPIRED" || code === "CERT_NOT_YET_VALID") {
    return "The host's certificate is not valid today: renew it, or correct this machine's clock.";
  }
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID") {
    return "The certificate is for another host: check the host in GITHUB_API_URL.";
  }
  if (/CERT|SELF_SIGNED|SIGNATURE|ERR_TLS/.test(code)) {
    return "Add the host's certificate authority with NODE_EXTRA_CA_CERTS.";
  }
  if (/SSL|EPROTO/.test(code)) return "The host does not speak TLS there: check scheme and port in GITHUB_API_URL.";
  return "If it continues, check the network, GITHUB_API_URL and any proxy.";
}
