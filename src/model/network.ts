/** The platform's `fetch`, for an address. */
export type Fetch = (url: string | URL, init?: RequestInit) => Promise<Response>;

/** Whether others can read and change requests to this address: plain http to another machine. */
export function isPlainToOthers({ protocol, hostname }: URL): boolean {
  return protocol === "http:" && !/^(?:localhost|.+\.localhost|127(?:\.\d+){3}|\[::1\])$/.test(hostname);
}

/** A write of a dry run, exactly as it would be sent, except for tokens. */
export type UnsentWrite = {
  readonly method: string;
  readonly url: string;
  /** By name, in lower case. Tokens are replaced by `***`. */
  readonly headers: Readonly<Record<string, string>>;
  /** As text; null without a body. */
  readonly body: string | null;
  /** Who would send it, unless it is the workflow's `github`. */
  readonly identity?: string;
};

/** A request on the wire, without its headers. */
type WireWrite = {
  readonly method: string;
  /** Percent-encoded, with the query. */
  readonly path: string;
  /** As text; null without a body. */
  readonly body: string | null;
};

/**
 * Gets each write before it is sent, or before a dry run holds it back. The returned function gets the status of
 * GitHub's answer, if there is one.
 */
export type NoteWrite = (write: WireWrite, heldBack?: boolean) => (status: number) => void;

/**
 * Why there was no answer, in words, if time may help. Undefined for any other error, since repeating the request would
 * not help. Bugs, bad headers and invalid addresses are not in the list.
 */
export function networkFault(error: unknown): { readonly code: string; readonly words: string } | undefined {
  for (let at = error; at instanceof Error; at = at.cause) {
    if (at.name === "TimeoutError") return { code: at.name, words: "timed out" };
    const { code } = at as { code?: unknown };
    if (typeof code !== "string" || !isTransient(code)) continue;
    return { code, words: WORDS[code] ?? (at.message || code) };
  }
  return undefined;
}

function isTransient(code: string): boolean {
  return CODES.has(code) || FAMILIES.some((family) => code.startsWith(family));
}

const list = (codes: string) => codes.trim().split(/\s+/);

const CODES: ReadonlySet<string> = new Set([
  // Sockets. https://nodejs.org/api/errors.html#common-system-errors and man 2 connect. EPERM and EACCES: a local
  // firewall.
  ...list(`ECONNREFUSED ECONNRESET ECONNABORTED EPIPE ETIMEDOUT EHOSTUNREACH EHOSTDOWN ENETUNREACH ENETDOWN ENETRESET
    ENOTCONN EADDRNOTAVAIL EMFILE ENFILE ENOBUFS ENOMEM EPERM EACCES EPROTO`),
  // Names. https://nodejs.org/api/dns.html#error-codes
  ...list("ENOTFOUND EAI_AGAIN EAI_FAIL ESERVFAIL ETIMEOUT"),
  // undici, docs/api/Errors.md. ABORTED and ABORT_ERR: timeouts of the service. INFO: the other side ended HTTP/2.
  ...list(`UND_ERR_CONNECT_TIMEOUT UND_ERR_HEADERS_TIMEOUT UND_ERR_BODY_TIMEOUT UND_ERR_SOCKET UND_ERR_ABORT
    UND_ERR_ABORTED ABORT_ERR UND_ERR_INFO UND_ERR_CLOSED UND_ERR_DESTROYED UND_ERR_RES_CONTENT_LENGTH_MISMATCH
    UND_ERR_PRX_TLS UND_ERR_PRX_CONN`),
  // A proxy's answer, as github/proxy.ts names it.
  "PROXY",
  // Certificates, in addition to the families below. https://nodejs.org/api/tls.html#x509-certificate-error-codes
  ...list(`OUT_OF_MEM DEPTH_ZERO_SELF_SIGNED_CERT SELF_SIGNED_CERT_IN_CHAIN INVALID_CA PATH_LENGTH_EXCEEDED
    INVALID_PURPOSE HOSTNAME_MISMATCH`),
  // TLS. https://nodejs.org/api/errors.html#err_tls_cert_altname_invalid
  ...list("ERR_TLS_CERT_ALTNAME_INVALID ERR_TLS_HANDSHAKE_TIMEOUT"),
  // HTTP/2 streams and sessions that the other side ended. https://nodejs.org/api/errors.html#err_http2_stream_error
  ...list(`ERR_HTTP2_ERROR ERR_HTTP2_STREAM_ERROR ERR_HTTP2_STREAM_CANCEL ERR_HTTP2_SESSION_ERROR
    ERR_HTTP2_GOAWAY_SESSION ERR_HTTP2_INVALID_SESSION ERR_HTTP2_INVALID_STREAM ERR_HTTP2_PING_CANCEL`),
]);

/** OpenSSL's reasons; answers that llhttp cannot read; truncated compressed answers; certificates. */
const FAMILIES = ["ERR_SSL_", "HPE_", "Z_", "UNABLE_TO_", "CERT_", "CRL_", "ERROR_IN_"];

const WORDS: Readonly<Record<string, string>> = {
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
