import { setTimeout as wait } from "node:timers/promises";
import { GRAPHQL_ROUTE } from "../src/github/graphql/request.ts";
import { actionsRunner, type StandInActions } from "./actions/runner.ts";
import { type Answers, answerBook } from "./answers.ts";
import { credentialBook, type GitHubApp, type TokenGrant } from "./credentials.ts";
import { editionOf, NO_USER_AGENT } from "./edition.ts";
import { endOf, type Fault, type FaultHandle, type FaultMatch, faultReply, faultScript, limitReply } from "./faults.ts";
import { type GraphQLFields, graphQLBook, graphQLPath, isWrite } from "./graphql.ts";
import { type Hook, type HookOptions, hookBook, ownerOf } from "./hooks.ts";
import { type Limits, limitKeeper } from "./limits.ts";
import { type Incoming, listen, type Outgoing, onceGone, reset, write } from "./listen.ts";
import { provide } from "./provide.ts";
import { type Repository, repositoryShelf } from "./repository.ts";
import { conditional } from "./routes/conditional.ts";
import { decoded, type World } from "./routes/reply.ts";
import { routeOf } from "./routes/routes.ts";
import { timekeeper } from "./timekeeper.ts";
import { closePull, common, emitRun } from "./webhooks.ts";

export type GitHubOptions = {
  /** Any free port without it. */
  readonly port?: number;
  /** Address to listen on; 127.0.0.1 without it. */
  readonly host?: string;
  /** PEM texts: speaks https with them. */
  readonly tls?: { readonly key: string; readonly cert: string };
  /** With `tls`: HTTP/2 and HTTP/1.1 on one port, as the client chooses. */
  readonly http2?: boolean;
  /** Empty like api.github.com, or `/api/v3` like GitHub Enterprise Server. */
  readonly basePath?: string;
  /** A version such as "3.19.0": behaves like that GitHub Enterprise Server, whose API is at `basePath` "/api/v3". */
  readonly enterprise?: string;
  /** Where clients believe it to be, such as "https://ghe.example:8443", when they come through a proxy. */
  readonly origin?: string;
  readonly limits?: Limits;
  /** Epoch milliseconds. */
  readonly now?: () => number;
  /** Delay of every answer. */
  readonly latencyMs?: number;
  /** False keeps only the counters, for long loads. */
  readonly record?: boolean;
  /** Every token is good, what is asked for is there, and runs of Actions end well at once: `gh-runner dev`. */
  readonly hasEverything?: boolean;
  /** Told of each request when its answer is known. */
  readonly answered?: (request: ReceivedRequest) => void;
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
  /** Who its token is: a user, or `slug[bot]` of an App; undefined where nothing is known of the token. */
  readonly login: string | undefined;
  /** "1.1" or "2.0" */
  readonly httpVersion: string;
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

type Counts = {
  requests: number;
  dispatches: number;
  limited: number;
  /** Requests that came while their account was told, or was about to be told, to be silent. */
  whilePaused: number;
  /** The longest, in real ms, that any of those came after the rejection had been handed to the socket. */
  lateness: number;
  maxInFlight: number;
  connections: number;
};

export type StandInGitHub = {
  /** What GITHUB_API_URL is set to. */
  readonly url: string;
  readonly port: number;
  readonly requests: ReceivedRequest[];
  readonly dispatches: ReceivedDispatch[];
  readonly counts: Counts;
  /** The repository of this name, made (private, empty, default branch main) on first use. */
  repository(fullName: string): Repository;
  /** Makes a token known; without a grant it may do everything. */
  token(value: string, grant?: TokenGrant): void;
  revoke(value: string): void;
  app(app: GitHubApp): void;
  /** Runs of GitHub Actions: how they go, and what people do to them. */
  readonly actions: StandInActions;
  /**
   * Makes happen what is due by the clock, sends the webhooks that are due, and resolves when they were answered. With the
   * system's clock that happens by itself, too.
   */
  settle(): Promise<void>;
  /** Makes a webhook of `app`, a repository (`owner/name`) or an organisation. With a secret, events are sent to it. */
  hook(owner: string, url: string, options?: HookOptions): Hook;
  /** Closes a pull request, or merges it; its webhook says so. */
  closePull(repository: Repository, number: number, options?: { readonly merged?: boolean }): void;
  /** Sends an event of a repository to the webhooks that listen to it. What all events have is added to the payload. */
  emit(repository: Repository, event: string, payload: Readonly<Record<string, unknown>>): void;
  /** Answers requests instead of the stand-in; those of a route replace earlier ones of it. */
  answers<Routes extends string>(answers: Answers<Routes>): void;
  /** Answers the fields of GraphQL queries and mutations, such as `viewer` or `addStar`. */
  graphql(fields: GraphQLFields): void;
  /** What functions among the answers threw. Their requests were answered 400. */
  readonly failures: readonly Error[];
  /** A function is asked at each request. */
  fault(match: FaultMatch, fault: Fault | (() => Fault)): FaultHandle;
  clearFaults(): void;
  /** Replaces the limits in force. */
  limits(limits: Limits): void;
  /** Whether it keeps the process up; it does at first. */
  hold(held: boolean): void;
  close(): Promise<void>;
};

/** GitHub's REST API as far as this project uses it, over real HTTP, held against GitHub's OpenAPI description by a test. */
export async function startGitHub(options: GitHubOptions = {}): Promise<StandInGitHub> {
  const { now = Date.now, basePath = "", latencyMs = 0, record = true } = options;
  let limits = options.limits ?? {};
  const edition = editionOf(options.enterprise);
  const repositories = repositoryShelf();
  const hooks = hookBook(now, () => time.planned());
  const credentials = credentialBook(now);
  const faults = faultScript();
  const answers = answerBook(() => url);
  const graphQL = graphQLBook({ hasEverything: options.hasEverything ?? false, usesSchema: !options.enterprise });
  const keeper = limitKeeper();
  const requests: ReceivedRequest[] = [];
  const dispatches: ReceivedDispatch[] = [];
  const counts = { requests: 0, dispatches: 0, limited: 0, whilePaused: 0, lateness: 0, maxInFlight: 0 };
  const { advance, ...actions } = actionsRunner({
    now,
    endsRuns: options.hasEverything ?? false,
    changed: (...change) => emitRun(world)(...change),
    planned: () => time.planned(),
  });
  const time = timekeeper({
    now,
    isSystemClock: options.now === undefined,
    next: () => earliest(actions.next(), hooks.next()),
    async happen() {
      advance();
      await hooks.flush();
    },
  });
  let inFlight = 0;

  async function serve(incoming: Incoming, outgoing: Outgoing): Promise<void> {
    const arrived = performance.now();
    const body = await bodyOf(incoming);
    if (body === undefined) return;
    // Taken apart by hand: URL would tidy up the very path that the record is asked about.
    const [pathname = "/", search] = (incoming.url ?? "/").split(/(?=\?)(.*)/s);
    const method = incoming.method ?? "GET";
    const isGraphQL = method === "POST" && pathname === graphQLPath(basePath);
    const resource = isGraphQL ? "graphql" : "core";
    const isInside = isGraphQL || `${pathname}/`.startsWith(`${basePath}/`);
    const path = isGraphQL ? "/graphql" : isInside ? pathname.slice(basePath.length) : pathname;
    const headers = headersOf(incoming);
    const token = /^(?:bearer|token) (.*)$/i.exec(headers.authorization ?? "")?.[1] ?? "";
    const { httpVersion } = incoming;
    const found = isGraphQL ? { route: GRAPHQL_ROUTE, isKnown: true, answer: graphQL.answer } : routeOf(method, path);
    const route = isInside
      ? found.isKnown
        ? found.route
        : (answers.routeOf(method, path) ?? found.route)
      : `${method} ${pathname}`;
    if (options.hasEverything && isInside) provide({ credentials, repositories }, decoded(path), body, token);
    const account = credentials.accountOf(token);
    const login = credentials.grantOf(token)?.login;
    const wire = { method, path, query: search ?? "", headers, body, httpVersion };
    const seen = { ...wire, route, login, at: now(), status: 0 };
    if (record) requests.push(seen);
    counts.requests++;
    counts.maxInFlight = Math.max(counts.maxInFlight, ++inFlight);
    if (keeper.isPaused(account, resource, now())) {
      counts.whilePaused++;
      counts.lateness = Math.max(counts.lateness, arrived - keeper.toldAt(account));
    }
    const isFree = route === "GET /rate_limit";
    const limited = keeper.enter(account, { isWrite: isWrite(method, route, body), isFree, resource }, limits, now());
    if (latencyMs > 0) await wait(latencyMs);

    const fault = faults.take(route, decoded(path));
    const call = { method, path, query: new URLSearchParams(search), headers, body, token };
    const handled = async () => {
      advance();
      if (!isInside) return edition.outside;
      if (!headers["user-agent"]) return NO_USER_AGENT;
      const rejected = edition.rejection(headers["x-github-api-version"]);
      if (rejected) return rejected;
      const invalid = isGraphQL ? await graphQL.rejection(call, world) : undefined;
      return invalid ?? (await answers.answer(call)) ?? conditional(call, found.answer(call, world));
    };
    const reply = limited
      ? limitReply({ secondary: limited.kind === "secondary", ...limited }, resource)
      : fault
        ? await faultReply(fault, handled, resource)
        : await handled();
    if (limited) counts.limited++;
    if (fault?.kind === "limit" && !limited)
      keeper.pause(account, endOf(fault, now()), now(), isGraphQL && !fault.secondary ? "graphql" : "all");
    if (fault?.kind === "delay") await wait(fault.ms);

    const status = typeof reply === "string" ? 0 : reply.status;
    seen.status = status;
    options.answered?.(seen);
    const leave = () => {
      inFlight--;
      keeper.leave(account, status);
    };
    if (reply === "hang") return onceGone(outgoing, leave);
    leave();
    if (reply === "reset") return reset(incoming);
    const ofTheApi = {
      "x-github-api-version-selected": headers["x-github-api-version"] ?? "2022-11-28",
      ...edition.headers,
      ...credentials.headersOf(token),
      ...(edition.showsLimits ? keeper.headers(account, resource, limits, now()) : {}),
    };
    const common = {
      date: new Date(now()).toUTCString(),
      "x-github-request-id": `${counts.requests.toString(16).toUpperCase().padStart(4, "0")}:5EED`,
      ...(isInside ? ofTheApi : {}),
    };
    write(outgoing, reply, common, fault?.kind === "cut");
    if (limited || fault?.kind === "limit") keeper.told(account, performance.now());
  }

  const { port, connections, hold, close } = await listen(
    (incoming, outgoing) => void serve(incoming, outgoing),
    options,
  );
  const origin = options.origin ?? `${options.tls ? "https" : "http"}://127.0.0.1:${port}`;
  const url = origin + basePath;
  const world: World = {
    base: url,
    credentials,
    repositories,
    hooks,
    quota: (token) =>
      edition.showsLimits
        ? keeper.quota(credentials.accountOf(token), "core", limits.primaryPerHour ?? 5000, limits, now())
        : undefined,
    actions,
    now,
    emit: (repository, event, payload, at = now()) =>
      hooks.emit(repository, event, payload, at, credentials.installationsAt(ownerOf(repository.fullName))),
    accept(repository, eventType, payload, token) {
      counts.dispatches++;
      if (record) dispatches.push({ repo: repository.fullName, eventType, payload, token, at: now() });
    },
  };

  return {
    url,
    port,
    requests,
    dispatches,
    counts: Object.defineProperty(counts as Counts, "connections", { get: connections, enumerable: true }),
    repository: repositories.open,
    token: credentials.add,
    revoke: credentials.revoke,
    app: credentials.addApp,
    actions,
    settle: time.settle,
    hook: hooks.add,
    closePull: (repository, number, { merged = false } = {}) => closePull(world, repository, number, merged),
    emit: (repository, event, payload) =>
      world.emit(repository, event, () => ({ ...common(repository, world), ...payload })),
    answers: answers.add,
    graphql: graphQL.add,
    failures: answers.failures,
    fault: faults.add,
    clearFaults: faults.clear,
    limits: (next) => {
      limits = next;
    },
    hold,
    close() {
      time.close();
      return close();
    },
  };
}

/** The earlier of two times that may be missing. */
function earliest(one = Number.POSITIVE_INFINITY, other = Number.POSITIVE_INFINITY): number | undefined {
  return one === other && one === Number.POSITIVE_INFINITY ? undefined : Math.min(one, other);
}

/** The whole body; undefined when the client went away before its end. */
async function bodyOf(incoming: Incoming): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of incoming) chunks.push(chunk as Buffer);
  } catch {
    return undefined;
  }
  return Buffer.concat(chunks).toString();
}

/** Without what HTTP/2 puts in front of them, such as `:method`. */
function headersOf({ headers }: Incoming): Readonly<Record<string, string | undefined>> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !name.startsWith(":"))) as Record<
    string,
    string
  >;
}
