import { once } from "node:events";
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { setTimeout as wait } from "node:timers/promises";
import { credentialBook, type GitHubApp, type TokenGrant } from "./credentials.ts";
import { type Fault, type FaultHandle, type FaultMatch, faultScript } from "./faults.ts";
import { type Limits, limitKeeper } from "./limits.ts";
import { type Repository, repositoryShelf } from "./repository.ts";
import { decoded, type Reply, routeOf, type World } from "./routes.ts";

export type GitHubOptions = {
  /** Any free port without it; always on 127.0.0.1. */
  readonly port?: number;
  /** PEM texts: speaks https with them. */
  readonly tls?: { readonly key: string; readonly cert: string };
  /** Empty like api.github.com, or `/api/v3` like GitHub Enterprise Server. */
  readonly basePath?: string;
  readonly limits?: Limits;
  /** Epoch milliseconds. */
  readonly now?: () => number;
  /** Delay of every answer. */
  readonly latencyMs?: number;
  /** False keeps only the counters, for long loads. */
  readonly record?: boolean;
};

type ReceivedRequest = {
  readonly method: string;
  /** As it came, percent-encoded, without the query. */
  readonly path: string;
  readonly query: string;
  /** The route by GitHub's template: `GET /repos/{owner}/{repo}`. */
  readonly route: string;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: string;
  readonly at: number;
  /** 0 until it is answered, and for ever when it never is. */
  status: number;
};

type ReceivedDispatch = {
  /** `owner/name` as it is now. */
  readonly repo: string;
  readonly eventType: string;
  readonly payload: Readonly<Record<string, unknown>>;
  readonly token: string;
  readonly at: number;
};

export type StandInGitHub = {
  /** What GITHUB_API_URL is set to. */
  readonly url: string;
  readonly requests: ReceivedRequest[];
  readonly dispatches: ReceivedDispatch[];
  readonly counts: { requests: number; dispatches: number; limited: number; whilePaused: number; maxInFlight: number };
  /** The repository of this name, made (private, empty, default branch main) on first use. */
  repository(fullName: string): Repository;
  /** Makes a token known; without a grant it may do everything. */
  token(value: string, grant?: TokenGrant): void;
  revoke(value: string): void;
  app(app: GitHubApp): void;
  fault(match: FaultMatch, fault: Fault): FaultHandle;
  clearFaults(): void;
  /** Replaces the limits in force. */
  limits(limits: Limits): void;
  close(): Promise<void>;
};

/** GitHub's REST API as far as this project uses it, over real HTTP, held against GitHub's OpenAPI description by a test. */
export async function startGitHub(options: GitHubOptions = {}): Promise<StandInGitHub> {
  const { now = Date.now, basePath = "", latencyMs = 0, record = true } = options;
  let limits = options.limits ?? {};
  const repositories = repositoryShelf();
  const credentials = credentialBook(now);
  const faults = faultScript();
  const keeper = limitKeeper();
  const requests: ReceivedRequest[] = [];
  const dispatches: ReceivedDispatch[] = [];
  const counts = { requests: 0, dispatches: 0, limited: 0, whilePaused: 0, maxInFlight: 0 };
  let inFlight = 0;

  const listener: RequestListener = async (incoming, outgoing) => {
    const body = await bodyOf(incoming);
    if (body === undefined) return;
    // Taken apart by hand: URL would tidy up the very path that the record is asked about.
    const [pathname = "/", search] = (incoming.url ?? "/").split(/(?=\?)(.*)/s);
    const method = incoming.method ?? "GET";
    const path = `${pathname}/`.startsWith(`${basePath}/`) ? pathname.slice(basePath.length) : "/outside-the-api";
    const headers = incoming.headers as Record<string, string | undefined>;
    const token = /^(?:bearer|token) (.*)$/i.exec(headers.authorization ?? "")?.[1] ?? "";
    const { route, answer } = routeOf(method, path);
    const seen: ReceivedRequest = { method, path, query: search ?? "", route, headers, body, at: now(), status: 0 };
    const account = credentials.accountOf(token);
    if (record) requests.push(seen);
    counts.requests++;
    counts.maxInFlight = Math.max(counts.maxInFlight, ++inFlight);
    if (keeper.isPaused(account, now())) counts.whilePaused++;
    const limited = keeper.enter(account, method !== "GET", limits, now());
    if (latencyMs > 0) await wait(latencyMs);

    const fault = faults.take(route, decoded(path));
    const handled = () =>
      headers["user-agent"]
        ? answer({ method, path, query: new URLSearchParams(search), headers, body, token }, world)
        : {
            status: 403,
            json: {
              message:
                "Request forbidden by administrative rules. Please make sure your request has a User-Agent header.",
            },
          };
    const reply = limited
      ? limitReply(
          limited.kind === "secondary" ? { secondary: true, retryAfterSeconds: limited.retryAfterSeconds } : limited,
        )
      : fault
        ? faultReply(fault, handled)
        : handled();
    if (limited) counts.limited++;
    if (fault?.kind === "limit" && !limited) keeper.pause(account, endOf(fault, now()));
    if (fault?.kind === "delay") await wait(fault.ms);

    const status = typeof reply === "string" ? 0 : reply.status;
    seen.status = status;
    const leave = () => {
      inFlight--;
      keeper.leave(account, status);
    };
    if (reply === "hang") {
      if (outgoing.destroyed) leave();
      else outgoing.once("close", leave);
      return;
    }
    leave();
    if (reply === "reset") {
      incoming.socket.resetAndDestroy();
      return;
    }
    const common = {
      date: new Date(now()).toUTCString(),
      "x-github-request-id": `${counts.requests.toString(16).toUpperCase().padStart(4, "0")}:5EED`,
      "x-github-api-version-selected": headers["x-github-api-version"] ?? "2022-11-28",
      ...keeper.headers(account, limits),
    };
    write(outgoing, reply, common, fault?.kind === "cut");
  };

  const server = options.tls ? createTlsServer(options.tls, listener) : createServer(listener);
  server.keepAliveTimeout = 60_000;
  server.listen(options.port ?? 0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const url = `${options.tls ? "https" : "http"}://127.0.0.1:${port}${basePath}`;
  const world: World = {
    base: url,
    credentials,
    repositories,
    accept(repository, eventType, payload, token) {
      counts.dispatches++;
      if (record) dispatches.push({ repo: repository.fullName, eventType, payload, token, at: now() });
    },
  };

  return {
    url,
    requests,
    dispatches,
    counts,
    repository: repositories.open,
    token: credentials.add,
    revoke: credentials.revoke,
    app: credentials.addApp,
    fault: faults.add,
    clearFaults: faults.clear,
    limits: (next) => {
      limits = next;
    },
    close: () =>
      new Promise((resolve) => {
        if (!server.listening) return resolve();
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** The whole body; undefined when the client went away before its end. */
async function bodyOf(incoming: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of incoming) chunks.push(chunk);
  } catch {
    return undefined;
  }
  return Buffer.concat(chunks).toString();
}

/** Answers that have no body, in HTTP itself. */
const BODILESS = [204, 304];

/** Until when a limit that was planted asks for silence; epoch milliseconds. A minute when it names no time. */
function endOf({ retryAfterSeconds, resetAt }: Fault & { kind: "limit" }, now: number): number {
  if (retryAfterSeconds !== undefined) return now + retryAfterSeconds * 1000;
  return resetAt === undefined ? now + 60_000 : resetAt * 1000;
}

function faultReply(fault: Fault, handled: () => Reply): Reply | "hang" | "reset" {
  switch (fault.kind) {
    case "status":
      return {
        status: fault.status,
        headers: fault.headers ?? {},
        ...(fault.body !== undefined ? { raw: Buffer.from(fault.body) } : {}),
        ...(fault.body === undefined && !BODILESS.includes(fault.status)
          ? { json: { message: `Fault ${fault.status}` } }
          : {}),
      };
    case "limit":
      return limitReply(fault);
    case "hang":
      return "hang";
    case "reset":
      if (fault.afterHandling) handled();
      return "reset";
    case "cut":
    case "delay":
      return handled();
  }
}

/** https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api#exceeding-the-rate-limit */
function limitReply(limit: { secondary?: boolean; retryAfterSeconds?: number; resetAt?: number }): Reply {
  const docs = "https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api";
  const message = limit.secondary
    ? "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."
    : "API rate limit exceeded for user ID 1.";
  const status = limit.secondary ? 403 : 429;
  return {
    status,
    headers: {
      ...(limit.retryAfterSeconds === undefined ? {} : { "retry-after": String(limit.retryAfterSeconds) }),
      ...(limit.resetAt === undefined
        ? {}
        : { "x-ratelimit-remaining": "0", "x-ratelimit-reset": String(limit.resetAt) }),
    },
    json: {
      message,
      documentation_url: limit.secondary ? `${docs}#about-secondary-rate-limits` : docs,
      status: String(status),
    },
  };
}

function write(outgoing: ServerResponse, reply: Reply, common: Record<string, string>, cut: boolean): void {
  const body = reply.raw ?? (reply.json === undefined ? undefined : Buffer.from(JSON.stringify(reply.json)));
  const type = reply.json === undefined ? {} : { "content-type": "application/json; charset=utf-8" };
  const length = body ? { "content-length": String(body.byteLength) } : {};
  outgoing.writeHead(reply.status, { ...common, ...type, ...length, ...reply.headers });
  if (!cut) {
    outgoing.end(body);
    return;
  }
  const half = body?.subarray(0, Math.floor(body.byteLength / 2)) ?? "";
  outgoing.write(half, () => outgoing.destroy());
}
