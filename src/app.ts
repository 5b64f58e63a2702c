import { randomUUID } from "node:crypto";
import { setTimeout as wait } from "node:timers/promises";
import type { DestinationStream } from "pino";
import { closingStack } from "./closing-stack.ts";
import type { Config } from "./config.ts";
import type { Wait } from "./github/ask.ts";
import { openGitHub } from "./github/open-github.ts";
import { httpApp } from "./http.ts";
import { type Log, openLog } from "./log.ts";
import { openMetrics } from "./metrics/open-metrics.ts";
import { type Clock, systemClock } from "./model/clock.ts";
import { observedBy } from "./model/observer.ts";
import type { Json } from "./model/run.ts";
import type { RunStore } from "./model/store.ts";
import type { Workflow } from "./model/workflow.ts";
import { openNotices } from "./notices/open-notices.ts";
import { knownSecrets, type Secrets } from "./secrets.ts";
import { listen, SERVER_LIMITS, type ServerLimits } from "./server.ts";
import { openSqliteStore } from "./store/sqlite.ts";
import type { Tracing } from "./tracing/open-tracing.ts";
import { VERSION } from "./version.ts";
import { startWorker } from "./worker/worker.ts";
import { environmentReady } from "./workflows/environment-ready.ts";

/** What a test or a demo may replace: clocks, chance, patience, and where the log goes. */
export type AppOptions = {
  readonly logTo?: DestinationStream;
  readonly clock?: Clock;
  /** From 0 to 1. */
  readonly random?: () => number;
  /** Waits between the tries inside an attempt. */
  readonly wait?: Wait;
  readonly serverLimits?: Partial<ServerLimits>;
  readonly githubTimeoutMs?: number;
  /** How long a request may wait before GitHub's limits before its run is put back into the store, ms. */
  readonly githubPatienceMs?: number;
};

export type RunningApp = {
  /** Where the service answers, such as `http://127.0.0.1:9555`. */
  readonly url: string;
  /** Answers what is in flight, then closes everything, in reverse order of opening. */
  close(): Promise<void>;
};

/** The composition root: opens everything, wires it together, and listens. */
export async function startApp(config: Config, options: AppOptions = {}): Promise<RunningApp> {
  const { clock = systemClock, random = Math.random } = options;
  const limits = { ...SERVER_LIMITS, ...options.serverLimits };
  const { onClose, close } = closingStack();

  const secrets = knownSecrets(
    [
      config.githubToken ?? [],
      config.githubApp?.privateKey ?? [],
      config.authTokens,
      config.notifyUrl ?? [],
      Object.values(config.traceHeaders),
    ].flat(),
  );
  const log = openLog({ level: config.logLevel, secrets, destination: options.logTo });

  const store = openSqliteStore(config.dataDir, { now: clock.now() });
  onClose("the store", store.close);

  const workflows = [environmentReady(config) as Workflow];
  const metrics = openMetrics({ workflows: workflows.map(({ name }) => name), version: VERSION, clock });
  onClose("the metrics", metrics.close);
  const tracing = await tracingOf(config, { store, clock, scrub: secrets.scrub, log });
  if (tracing) onClose("the traces", tracing.close);
  const { notifyUrl } = config;
  const notices =
    notifyUrl === undefined
      ? undefined
      : openNotices({ url: notifyUrl, store, scrub: secrets.scrub, log, clock, told: metrics.noticed });
  if (notices) onClose("the notices", notices.close);
  const observe = observedBy([metrics, tracing, notices].flatMap((each) => each?.observer ?? []));

  const gitHub = await openGitHub({
    apiUrl: config.githubApiUrl,
    userAgent: `gh-runner/${VERSION}`,
    serviceToken: config.githubToken,
    app: config.githubApp,
    hide: secrets.hide,
    limits: config.githubLimits,
    limitLog: store.limits,
    clock,
    wait: options.wait ?? (async (ms: number) => void (await wait(ms))),
    observe,
    onPause: ({ until, ...pause }) => {
      metrics.paused(pause.account, until);
      log.warn({ ...pause, until: new Date(until).toISOString() }, "GitHub asks for silence because of a limit");
    },
    timeoutMs: options.githubTimeoutMs,
    patienceMs: options.githubPatienceMs,
  });
  onClose("the connections to GitHub", gitHub.close);

  const worker = startWorker({
    store,
    workflowNamed: (name) => workflows.find((workflow) => workflow.name === name),
    github: gitHub.attempt,
    hide: secrets.hide,
    scrub: secrets.scrub,
    log,
    observe,
    clock,
    random,
    owner: randomUUID(),
    retryHours: config.retryHours,
    retainDays: config.retainDays,
  });

  metrics.read({ gates: gitHub.gates, store, checkReady: worker.check });

  const hasServiceToken = config.githubToken !== undefined || config.githubApp !== undefined;
  const app = httpApp({
    workflows,
    accept: ({ workflow, body, token }, { wait }) =>
      worker.accept(
        {
          id: randomUUID(),
          workflow: workflow.name,
          group: workflow.concurrency?.({ body }),
          input: body as Json,
          ownToken: token !== undefined,
          trace: tracing?.note(),
        },
        { token, waitMs: wait ? config.waitSeconds * 1000 : 0 },
      ),
    runs: { list: store.list, get: store.get, rerun: (id) => worker.rerun(id, tracing?.note()) },
    checkReady: worker.check,
    metrics: metrics.expose,
    inbound: tracing?.inbound,
    authTokens: config.authTokens,
    hasServiceToken,
    version: VERSION,
    log,
    secrets,
  });
  const server = await listen(app, { port: config.port, host: config.host, limits }).catch(async (error) => {
    await close();
    throw error;
  });
  // One deadline for answers and runs; callers who would wait beyond it are told so before they are cut off.
  onClose("the HTTP server and runs in flight", async () => {
    const deadline = performance.now() + limits.drainMs;
    const dismissal = setTimeout(worker.dismissCallers, limits.drainMs * 0.8);
    await server.close();
    clearTimeout(dismissal);
    await worker.drain(Math.max(0, deadline - performance.now()));
  });

  if (config.authTokens.length === 0) {
    log.warn("AUTH_TOKENS is not set: everybody who can reach this service can start runs");
  }
  if (!hasServiceToken) {
    log.warn(
      "neither GITHUB_TOKEN nor GITHUB_APP_ID is set: only requests that bring their own github_token will work",
    );
  }
  log.info(gitHub.aboutLimits);
  log.info({ url: server.url, version: VERSION, github: config.githubApiUrl }, "gh-runner is ready");
  return { url: server.url, close };
}

/** Traces, where there is a collector; their libraries are loaded only then. */
async function tracingOf(
  config: Config,
  { store, clock, scrub, log }: { store: Pick<RunStore, "get">; clock: Clock; scrub: Secrets["scrub"]; log: Log },
): Promise<Tracing | undefined> {
  const { traceEndpoint: endpoint, traceHeaders: headers, traceService: serviceName } = config;
  if (endpoint === undefined) return undefined;
  const { openTracing } = await import("./tracing/open-tracing.ts");
  const onExport = (error: Error | undefined) => {
    if (error) log.warn({ reason: error.message }, "traces cannot be exported to OTEL_EXPORTER_OTLP_ENDPOINT");
    else log.info("traces can be exported again");
  };
  return openTracing({ endpoint, headers, serviceName, version: VERSION, onExport, store, scrub, now: clock.now });
}
