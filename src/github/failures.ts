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
 * Turns an answer that is not the expected one into a failure. The only place that knows what GitHub's answers mean;
 * docs/troubleshooting.md lists what a user can meet.
 * @param context.notBefore the answer is a limit, which ends then (epoch milliseconds).
 */
export function failureOf(
  attempted: Attempted,
  answer: Answer,
  { notBefore, ...asked }: Parameters<typeof remedyFor>[2] & { readonly notBefore?: number },
): Failure {
  const facts = { tried: attempted.tried, happened: whatCame(answer) };
  if (notBefore !== undefined) return limitReached(facts, notBefore, isRejected(answer));
  if (isFault(answer)) {
    const remedy = "Nothing to do if it passes; else see https://www.githubstatus.com.";
    return new TransientFailure({ ...facts, remedy });
  }
  const remedy = remedyFor(attempted, answer, asked);
  return new PermanentFailure({ ...facts, remedy, ...(isRejected(answer) && { sent: false }) });
}

/** @param isUndone whether it is certain that GitHub has not done what was asked. */
export function limitReached(facts: Omit<FailureFacts, "remedy">, notBefore: number, isUndone: boolean): LimitReached {
  const remedy = `Nothing to do: GitHub takes requests again after ${new Date(notBefore).toISOString()}.`;
  return new LimitReached({ ...facts, remedy, ...(isUndone && { sent: false }) }, notBefore);
}

/** Whether GitHub has failed: time may help. */
export function isFault({ status }: Answer): boolean {
  return status >= 500 || status === 408;
}

/** Whether it is certain that GitHub has not done what was asked. A time-out (408) leaves it open. */
function isRejected({ status }: Answer): boolean {
  return status >= 400 && status < 500 && status !== 408;
}

/** `GitHub answered 403 "Not accessible" (request id AB12, needs contents=write)` */
export function whatCame({ status, message, facts }: Answer): string {
  return `GitHub answered ${status}${message ? ` "${message}"` : ""}${facts.length > 0 ? ` (${facts.join(", ")})` : ""}`;
}

/** An answer that is right by its status but not by its content. */
export function notUnderstood({ tried }: Attempted): Failure {
  return new PermanentFailure({
    tried,
    happened: "GitHub's answer lacks what it should hold",
    remedy: "Check GITHUB_API_URL and any proxy in between.",
  });
}

/** A list that an answer holds, or has under a name. What is taken for an empty one could be made twice: it throws instead. */
export function listIn(attempted: Attempted, answer: Answer, name?: string): readonly Listed[] {
  const json = jsonOf(answer);
  return listOf(attempted, name === undefined ? json : (json as Listed)[name]);
}

/** The same of what was read already. */
export function listOf(attempted: Attempted, list: unknown): readonly Listed[] {
  if (!Array.isArray(list)) throw notUnderstood(attempted);
  return list.filter((each) => typeof each === "object" && each !== null);
}

export type Listed = Readonly<Record<string, unknown>>;

/**
 * No usable answer: refused, reset, timed out, cut short. Whether GitHub carried it out is known only where there was no
 * connection. Any error that is not one of the network's is permanent: the request would fail in the same way each time.
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
      happened: "the answer came without its length, so that it may have ended early",
      remedy:
        "Have the proxy in between pass on Content-Length or Transfer-Encoding, or name GitHub's host in NO_PROXY.",
    });
  }
  if (code === "UND_ERR_RES_EXCEEDED_MAX_SIZE") {
    return new PermanentFailure({
      ...cause,
      happened: "the answer is larger than this service reads",
      remedy: "Ask for less than 5 MB: a smaller file, or fewer things at once.",
    });
  }
  const happened = `the request could not be made (${message || String(error)})`;
  if (/authorization/i.test(message ?? "")) {
    const remedy = "The token holds characters that no token has, such as a line break: set it again.";
    return new PermanentFailure({ ...cause, happened, remedy });
  }
  return new PermanentFailure({
    ...cause,
    happened,
    remedy: "Correct its headers and parameters, or report this as a bug.",
  });
}

/** Whether there was no connection yet on which it could have been sent. */
function wasNeverSent(error: unknown): boolean {
  for (let at = error; at instanceof Error; at = at.cause) {
    const { code = "", syscall } = at as NodeJS.ErrnoException;
    if (syscall === "connect" || syscall === "getaddrinfo" || BEFORE_CONNECTED.test(code)) return true;
    if (at instanceof ProxyError && /^Proxy /.test((at.cause as Error | undefined)?.message ?? "")) return true;
  }
  return false;
}

/** Refused, not found, or a certificate that is not trusted. After several addresses were tried there is no `syscall`. */
const BEFORE_CONNECTED =
  /^(?:ECONNREFUSED|ENOTFOUND|EAI_\w+|UND_ERR_CONNECT_TIMEOUT|UND_ERR_PRX_\w+|CERT_\w+|UNABLE_TO_\w+|\w*SELF_SIGNED\w*|ERR_TLS_(?:CERT|HANDSHAKE)_\w+)$/;

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
