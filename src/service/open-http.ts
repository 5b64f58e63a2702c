import { openAccess } from "../access/identify.ts";
import { loadOidc } from "../access/oidc.ts";
import { renewingAccess } from "../access/renewing-access.ts";
import { slowDown } from "../access/slow-down.ts";
import { slowedAccess } from "../access/slowed-access.ts";
import { webUrlOf } from "../dashboard/github-web.ts";
import { type Live, livePages } from "../dashboard/live.ts";
import { mountDashboard } from "../dashboard/mount.ts";
import { type NotedEvents, notedEvents } from "../http/noted-events.ts";
import { rejectedRequests } from "../http/rejected-requests.ts";
import { type Route, routesOf } from "../http/route-list.ts";
import { httpApp, type MountPages } from "../http/routes.ts";
import { type ListeningServer, listen, onlyLocal, SERVER_LIMITS, type ServerLimits } from "../http/server.ts";
import { startSchedules } from "../http/triggers/schedule.ts";
import type { Access } from "../model/access.ts";
import { madeOf, partOf } from "../model/renewable.ts";
import type { SignIn } from "../model/sign-in.ts";
import type { Answers } from "../model/why/facts.ts";
import type { FindFacts } from "../model/workflow-facts.ts";
import type { BrokenFile } from "../model/workflow-file.ts";
import { repeatedRecords } from "../observe/repeated-records.ts";
import type { CheckedWorkflows } from "../workflows/load/check-workflows.ts";
import type { Config } from "./config/config.ts";
import { secretLines } from "./config/setting.ts";
import type { Engine } from "./engine.ts";
import { type FurtherWays, furtherWays, withClient } from "./further-ways.ts";
import type { AppOptions, Ground } from "./ground.ts";
import { knownIncidents } from "./incidents.ts";
import { startMissedWebhooks } from "./missed-webhooks.ts";
import { previewWorkflows } from "./previews.ts";
import { openSignIn, renewingSignIn } from "./sign-in.ts";
import { VERSION } from "./version.ts";
import { answersOf } from "./why.ts";
import { workflowFacts } from "./workflow-facts.ts";

/**
 * Opens everything that receives events or shows runs: the routes, the pages, the server, and the schedules.
 * @returns the server, and functions that apply new workflows or secrets to it.
 */
export async function openHttp(
  ground: Ground,
  engine: Engine,
): Promise<{
  readonly server: ListeningServer;
  routes(): readonly Route[];
  readonly follow: Readonly<Record<"workflows" | "secrets", () => void>>;
}> {
  const { config, options, loaded, log, clock, closing } = ground;
  const { store, metrics, accept, stopping } = engine;

  const repeated = repeatedRecords(log, clock);
  closing.defer(repeated.close);
  const rejected = rejectedRequests(store.overview.noteRejected, clock);
  closing.defer(rejected.close);
  const noted = notedEvents(store.events.note, clock, ground.secrets);
  closing.defer(noted.close);
  let reloads = 0;
  const revision = async () => {
    const { since = "", until = "" } = (await engine.outages.current()) ?? {};
    return [await store.overview.revision(), reloads || "", ground.live.rejected().length || "", since, until]
      .filter(Boolean)
      .join("-");
  };
  const live = livePages(revision, clock);
  const answers = answersOf(ground, engine, {
    startedAt: clock.now(),
    writeNotes: () => Promise.all([rejected.flush(), noted.flush()]),
  });
  const incidents = knownIncidents(engine.gitHub.incidents, clock);
  const stopped = new AbortController();
  if (config.auth.oidc.length > 0) await loadOidc();
  const waysOf = furtherWays(ground, repeated);
  const door = madeOf(
    () => ground.config,
    (its) => openDoor(ground, engine, its, waysOf(its)),
  );
  const slow = slowDown(clock, metrics.inbound.slowedDown, stopped.signal);
  const access = slowedAccess(
    renewingAccess(() => door().access, ground.live.refresh),
    slow,
  );
  const shared = { repeated, rejected, noted, answers, incidents, live, revision, access };
  const routesNow = () =>
    routes(ground, engine, { ...shared, signIn: renewingSignIn(() => door().signIn, ground.live.refresh, slow) });

  let app = routesNow();
  const fetch = withClient((request, env) => app.fetch(request, env), config.auth.trustedProxies);
  const current: Pick<typeof app, "fetch"> = { fetch: (request, env) => fetch(request, env ?? {}) };
  const server = await listen(options.onlyLocal ? onlyLocal(current) : current, {
    port: config.http.port,
    host: config.http.host,
    keepAliveMs: config.http.keepAliveSeconds * 1000,
    limits: limitsOf(options),
    // Pages first, because they connect again. A caller finds its run in the history.
    letGo: (answers) => engine.worker.dismissCallers(answers - live.letGo(answers)),
    onClosed: (why, address) => {
      metrics.inbound.connectionClosed(why);
      if (why !== "idle") repeated.note("warn", CLOSED[why], { address }, why);
    },
  });
  closing.defer(() => stopping.answers(server.close));

  // Sources of runs begin last and stop first.
  const schedule = () => startSchedules(loaded.current.workflows, { accept, store, clock, log });
  let stopSchedules = schedule();
  closing.defer(() => stopSchedules());
  let stopMissed = startMissedWebhooks(ground, engine, noted.ignored);
  closing.defer(() => stopMissed());
  // Open pages, and credentials that wait for their turn, would delay the closing of the server.
  closing.defer(live.close);
  closing.defer(() => stopped.abort());
  return {
    server,
    routes: () => routesOf(app),
    follow: {
      workflows() {
        reloads++;
        app = routesNow();
        stopSchedules();
        stopSchedules = schedule();
        void stopMissed();
        stopMissed = startMissedWebhooks(ground, engine, noted.ignored);
      },
      // Schedules and the search for missed webhooks continue.
      secrets() {
        app = routesNow();
      },
    },
  };
}

/** How callers and people are identified. */
function openDoor({ clock, log }: Ground, { store, fetch }: Engine, config: Config, ways: FurtherWays) {
  const { signIn, way } = openSignIn({ config, store, fetch, clock, log });
  const hasSessions = signIn.takesTokens || signIn.methods.length > 0;
  return {
    signIn,
    access: openAccess(config.auth.tokens, [...ways.oidc, ...(hasSessions ? [way] : []), ...ways.proxy]),
  };
}

export function limitsOf({ serverLimits }: AppOptions): ServerLimits {
  return { ...SERVER_LIMITS, ...serverLimits };
}

/** Why connections were closed, for the log. Idle connections are closed on purpose, so they are not logged. */
const CLOSED = {
  pipelining: "a client sent requests without waiting for answers, and its connection was closed",
  unread: "a client did not read its answer, and its connection was closed",
  bodies: "more request bodies arrived at the same time than the service can read, and a connection was closed",
  full: "more connections were open than the memory allows, and a client got 503 or no answer: it must send its request again",
} as const;

/** What stays when the routes are created again. */
type Shared = {
  readonly repeated: ReturnType<typeof repeatedRecords>;
  readonly rejected: ReturnType<typeof rejectedRequests>;
  readonly noted: NotedEvents;
  readonly answers: Answers;
  readonly incidents: () => readonly string[];
  readonly live: Live;
  readonly access: Access;
  readonly signIn: SignIn;
  /** Changes when the pages may show something new. */
  readonly revision: () => Promise<string>;
};

/** All routes for the current workflows. */
function routes(ground: Ground, engine: Engine, shared: Shared) {
  const { repeated, rejected, noted, answers } = shared;
  const { config, secrets, log } = ground;
  const { workflows, fileOf } = ground.loaded.current;
  const scrubbed = ({ file, problems }: BrokenFile) => ({ file, problems: problems.map(secrets.scrub) });
  const files = {
    broken: ground.loaded.current.broken.map(scrubbed),
    outdated: ground.loaded.current.outdated.map(scrubbed),
  };
  const { store, metrics, tracing, worker, accept } = engine;
  const facts = workflowFacts(ground, store);
  return httpApp(
    workflows,
    {
      accept,
      wake: engine.wakeByEvent,
      fileOf,
      ...files,
      facts,
      startByHand: engine.startByHand,
      answerCallback: engine.callbacks.answer,
      runs: { list: store.list, get: store.get, lines: store.lines, ...engine.actions, rerunWith: engine.rerunWith },
      pauses: { paused: store.paused, ...engine.actions },
      bulk: engine.actions,
      audit: { ...store.audit, flush: engine.audit.flush },
      previews: engine.previews.list,
      answers,
      checkReady: worker.check,
      storeTrouble: worker.storeTrouble,
      outage: engine.outages.current,
      metrics: metrics.expose,
    },
    {
      access: shared.access,
      webhookSecrets: partOf(ground.live, ({ auth }) => auth.webhookSecrets),
      fluxKeys: partOf(ground.live, ({ auth }) => auth.fluxKeys),
      secretsOf: (name) => ({
        now: madeOf(() => ground.loaded.current.variables[name] ?? "", secretLines),
        refresh: ground.live.refresh,
      }),
      hasServiceToken: config.github.hasCredential,
    },
    {
      failedAuthentication(facts) {
        metrics.inbound.failedAuthentication(facts.credential);
        repeated.note("warn", "a request without a valid credential was rejected", facts, facts.credential);
      },
      rejected: (facts) =>
        repeated.note("info", "request rejected", facts, `${facts.status} ${facts.path} ${facts.reason}`),
      events: noted,
      noRun(request) {
        metrics.inbound.rejected(request.status);
        // An event that no workflow handles is stored elsewhere, with the reasons of each workflow.
        if (request.status >= 400) rejected.note(request);
      },
      audit: engine.audit,
      log,
      secrets,
    },
    {
      version: VERSION,
      clock: ground.clock,
      publicUrl: config.http.publicUrl,
      inbound: tracing?.inbound,
      mountPages: pages(ground, engine, { ...shared, files, facts }),
    },
  );
}

type PageParts = Pick<Shared, "live" | "revision" | "answers" | "incidents" | "signIn" | "repeated"> & {
  readonly files: Pick<CheckedWorkflows, "broken" | "outdated">;
  readonly facts: FindFacts;
};

function pages(
  { config, live: { rejected: rejectedSecrets }, loaded, secrets, log, clock }: Ground,
  { store, audit, gitHub, outages, actions, callbacks, startByHand, rerunWith, previews }: Engine,
  { live, revision, answers, incidents, signIn, repeated, files, facts }: PageParts,
): MountPages {
  const { workflows, variables } = loaded.current;
  const dispatching = previewWorkflows(workflows);
  return (app, entrance) =>
    mountDashboard(app, entrance, {
      dashboard: config.http.dashboard,
      callbacks,
      runs: {
        list: store.list,
        counts: store.counts,
        reasons: store.reasons,
        get: store.get,
        lines: store.lines,
        lastSuccess: store.lastSuccess,
        ...actions,
        rerunWith,
      },
      answers,
      audit: { ...store.audit, note: audit.note, flush: audit.flush },
      previews: {
        ...previews,
        follows: dispatching.some(({ follows }) => follows),
        prefixes: [...new Set(dispatching.map(({ prefix }) => prefix))],
        argocdUrl: config.workflows.argocdUrl,
      },
      overview: { ...store.overview, revision },
      accounts: () => [...gitHub.gates.all()].map(([account, gate]) => ({ account, ...gate.state() })),
      outage: outages.current,
      incidents,
      rejectedSecrets,
      live,
      workflows: {
        all: workflows,
        facts,
        retryHours: config.workflows.retryHours,
        start: startByHand,
        paused: store.paused,
        ...actions,
        fluxKeyOf: ({ on: { flux } }) => {
          const [name, keys] =
            flux?.key === undefined
              ? ["FLUX_HMAC_KEY", config.auth.fluxKeys]
              : [flux.key, secretLines(variables[flux.key] ?? "")];
          return keys.length > 0 ? name : undefined;
        },
        ...files,
      },
      web: {
        url: webUrlOf(config.github.apiUrl),
        repositoryOf: (name) => workflows.find((workflow) => workflow.name === name)?.repository,
      },
      version: VERSION,
      installation: { name: config.http.pageName, color: config.http.pageColor, time: config.http.pageTime },
      clock,
      signIn,
      notSignedIn: (facts) => repeated.note("warn", "a sign-in failed", facts, `${facts.method} ${facts.reason}`),
      scrub: secrets.scrub,
      failed: (path, error) => log.error({ path, err: error }, "page failed"),
    });
}
