import { setTimeout as wait } from "node:timers/promises";
import { GRAPHQL_ROUTE } from "../src/github/graphql/request.ts";
import { actionsRunner } from "./actions/runner.ts";
import { answerBook } from "./answers.ts";
import { credentialBook } from "./credentials.ts";
import { editionOf, NO_USER_AGENT } from "./edition.ts";
import { endOf, faultReply, faultScript, limitReply } from "./faults.ts";
import { graphQLBook, graphQLPath, isWrite } from "./graphql.ts";
import { hookBook, ownerOf } from "./hooks.ts";
import { limitKeeper } from "./limits.ts";
import { type Incoming, listen, type Outgoing, onceGone, reset, write } from "./listen.ts";
import { oauthBook } from "./oauth.ts";
import { provide } from "./provide.ts";
import { repositoryShelf } from "./repository.ts";
import { conditional } from "./routes/conditional.ts";
import type { Organization } from "./routes/people.ts";
import { decoded, type World } from "./routes/reply.ts";
import { routeOf } from "./routes/routes.ts";
import type { Counts, GitHubOptions, ReceivedDispatch, ReceivedRequest, StandInGitHub } from "./stand-in-types.ts";
import { timekeeper } from "./timekeeper.ts";
import { closePull, common, emitRun } from "./webhooks.ts";

export type { GitHubOptions, StandInGitHub } from "./stand-in-types.ts";

/**
 * The parts of GitHub's REST API that this project uses, over real HTTP. A test checks it against GitHub's OpenAPI
 * description.
 */
export async function startGitHub(options: GitHubOptions = {}): Promise<StandInGitHub> {
  const { now = Date.now, basePath = "", latencyMs = 0, record = true } = options;
  let limits = options.limits ?? {};
  const edition = editionOf(options.enterprise);
  const repositories = repositoryShelf();
  const hooks = hookBook(now, () => time.planned());
  const credentials = credentialBook(now);
  const organizations = new Map<string, Organization>();
  const oauth = oauthBook(now, credentials);
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
    // Split without URL, which would normalise the path. The record must show the path as it was sent.
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
      const page = oauth.answer(method, pathname, search ?? "", body);
      if (page) return page;
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
    if (fault?.kind === "hold") await fault.until;

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
    organizations,
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
    organization(login) {
      const known = organizations.get(login.toLowerCase()) ?? { members: [], publicMembers: [], teams: new Map() };
      organizations.set(login.toLowerCase(), known);
      return known;
    },
    token: credentials.add,
    revoke: credentials.revoke,
    app: credentials.addApp,
    oauthApp: oauth.add,
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

/** The earlier of two times, either of which may be missing. */
function earliest(one = Number.POSITIVE_INFINITY, other = Number.POSITIVE_INFINITY): number | undefined {
  return one === other && one === Number.POSITIVE_INFINITY ? undefined : Math.min(one, other);
}

/** The whole body. Undefined if the client left before its end. */
async function bodyOf(incoming: Incoming): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of incoming) chunks.push(chunk as Buffer);
  } catch {
    return undefined;
  }
  return Buffer.concat(chunks).toString();
}

/** Without the pseudo-headers of HTTP/2, such as `:method`. */
function headersOf({ headers }: Incoming): Readonly<Record<string, string | undefined>> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !name.startsWith(":"))) as Record<
    string,
    string
  >;
}
