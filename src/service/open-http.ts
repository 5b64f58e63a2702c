import { webUrlOf } from "../dashboard/github-web.ts";
import { type Live, livePages } from "../dashboard/live.ts";
import { mountDashboard } from "../dashboard/mount.ts";
import { rejectedRequests } from "../http/rejected-requests.ts";
import { httpApp, type MountPages } from "../http/routes.ts";
import { type ListeningServer, listen, onlyLocal, SERVER_LIMITS, type ServerLimits } from "../http/server.ts";
import { nextTick, startSchedules } from "../http/triggers/schedule.ts";
import type { BrokenFile } from "../model/workflow.ts";
import { repeatedRecords } from "../observe/repeated-records.ts";
import { secretLines } from "./config/setting.ts";
import type { Engine } from "./engine.ts";
import type { AppOptions, Ground } from "./ground.ts";
import { startMissedWebhooks } from "./missed-webhooks.ts";
import { previewWorkflows } from "./previews.ts";
import { VERSION } from "./version.ts";

/**
 * Opens what events come in by, and what shows the runs: the routes, the pages, the server, and the schedules.
 * @returns with the server how to have all of it follow the workflows that are current now.
 */
export async function openHttp(
  ground: Ground,
  engine: Engine,
): Promise<{ readonly server: ListeningServer; follow(): void }> {
  const { config, options, loaded, log, clock, closing } = ground;
  const { store, metrics, accept, stopping } = engine;

  const repeated = repeatedRecords(log, clock);
  closing.defer(repeated.close);
  const rejected = rejectedRequests(store.overview.noteRejected, clock);
  closing.defer(rejected.close);
  let reloads = 0;
  const revision = async () => {
    const { since = "", until = "" } = (await engine.outages.current()) ?? {};
    return [await store.overview.revision(), reloads || "", since, until].filter(Boolean).join("-");
  };
  const live = livePages(revision, clock);
  const shared = { repeated, rejected, live, revision };

  let app = routes(ground, engine, shared);
  const current: Pick<typeof app, "fetch"> = { fetch: (request, env) => app.fetch(request, env) };
  const server = await listen(options.onlyLocal ? onlyLocal(current) : current, {
    port: config.http.port,
    host: config.http.host,
    keepAliveMs: config.http.keepAliveSeconds * 1000,
    limits: limitsOf(options),
    onFull: (connections) =>
      log.warn(
        { connections },
        "as many connections are open as the heap has room for: more are closed unread, and are to be sent again",
      ),
    onClosed: (why, address) => {
      metrics.inbound.connectionClosed(why);
      if (why !== "idle") repeated.note("warn", CLOSED[why], { address }, why);
    },
  });
  closing.defer(() => stopping.answers(server.close));

  // What starts runs begins last and stops first.
  const schedule = () => startSchedules(loaded.current.workflows, { accept, store, clock, log });
  let stopSchedules = schedule();
  closing.defer(() => stopSchedules());
  let stopMissed = startMissedWebhooks(ground, engine);
  closing.defer(() => stopMissed());
  // Pages that are open would hold up the server's closing.
  closing.defer(live.close);
  return {
    server,
    follow() {
      reloads++;
      app = routes(ground, engine, shared);
      stopSchedules();
      stopSchedules = schedule();
      void stopMissed();
      stopMissed = startMissedWebhooks(ground, engine);
    },
  };
}

export function limitsOf({ serverLimits }: AppOptions): ServerLimits {
  return { ...SERVER_LIMITS, ...serverLimits };
}

/** Why connections were closed, for the log. Those that were idle for the longest are too many by design. */
const CLOSED = {
  pipelining: "a client sent requests without waiting for answers, and its connection was closed",
  unread: "a client did not read its answer, and its connection was closed",
  bodies: "more bodies were on their way than are read in turns, and a connection was closed",
} as const;

/** What stays when the routes are made again. */
type Shared = {
  readonly repeated: ReturnType<typeof repeatedRecords>;
  readonly rejected: ReturnType<typeof rejectedRequests>;
  readonly live: Live;
  /** Differs when the pages may show anything else. */
  readonly revision: () => Promise<string>;
};

/** All that is answered, for the workflows that are current now. */
function routes(ground: Ground, engine: Engine, { repeated, rejected, live, revision }: Shared) {
  const { config, secrets, log } = ground;
  const { workflows, variables, fileOf } = ground.loaded.current;
  const broken = ground.loaded.current.broken.map(({ file, problems }) => ({
    file,
    problems: problems.map(secrets.scrub),
  }));
  const { store, metrics, tracing, worker, accept } = engine;
  return httpApp(
    workflows,
    {
      accept,
      wake: engine.wakeByEvent,
      fileOf,
      broken,
      startByHand: engine.startByHand,
      answerCallback: engine.callbacks.answer,
      runs: { list: store.list, get: store.get, lines: store.lines, ...engine.actions, rerunWith: engine.rerunWith },
      pauses: { paused: store.paused, ...engine.actions },
      bulk: engine.actions,
      previews: engine.previews.list,
      checkReady: worker.check,
      storeTrouble: worker.storeTrouble,
      outage: engine.outages.current,
      metrics: metrics.expose,
    },
    {
      ...config.auth,
      secretsOf: (name) => secretLines(variables[name] ?? ""),
      hasServiceToken: config.github.hasCredential,
    },
    {
      failedAuthentication(facts) {
        metrics.inbound.failedAuthentication(facts.credential);
        repeated.note("warn", "a request without a valid credential was rejected", facts, facts.credential);
      },
      rejected: (facts) =>
        repeated.note("info", "request rejected", facts, `${facts.status} ${facts.path} ${facts.reason}`),
      noRun(request) {
        metrics.inbound.rejected(request.status);
        rejected.note(request);
      },
      log,
      secrets,
    },
    {
      version: VERSION,
      publicUrl: config.http.publicUrl,
      inbound: tracing?.inbound,
      mountPages: pages(ground, engine, { live, revision, broken }),
    },
  );
}

function pages(
  { config, loaded, secrets, log, clock }: Ground,
  { store, gitHub, outages, actions, callbacks, startByHand, rerunWith, previews }: Engine,
  { live, revision, broken }: Pick<Shared, "live" | "revision"> & { readonly broken: readonly BrokenFile[] },
): MountPages {
  const { workflows } = loaded.current;
  const dispatching = previewWorkflows(workflows);
  return (app, entrance) =>
    mountDashboard(app, entrance, {
      dashboard: config.http.dashboard,
      callbacks,
      runs: { list: store.list, get: store.get, lines: store.lines, ...actions, rerunWith },
      previews: {
        ...previews,
        follows: dispatching.some(({ follows }) => follows),
        prefixes: [...new Set(dispatching.map(({ prefix }) => prefix))],
        argocdUrl: config.workflows.argocdUrl,
      },
      overview: { ...store.overview, revision },
      accounts: () => [...gitHub.gates.all()].map(([account, gate]) => ({ account, ...gate.state() })),
      outage: outages.current,
      live,
      workflows: {
        all: workflows,
        nextTick: ({ on }, now) => on.schedule && nextTick(on.schedule, now),
        start: startByHand,
        paused: store.paused,
        ...actions,
        broken,
      },
      web: {
        url: webUrlOf(config.github.apiUrl),
        repositoryOf: (name) => workflows.find((workflow) => workflow.name === name)?.repository,
      },
      version: VERSION,
      clock,
      tokens: config.auth.tokens,
      scrub: secrets.scrub,
      failed: (path, error) => log.error({ path, err: error }, "page failed"),
    });
}
