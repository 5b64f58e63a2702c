import { randomUUID } from "node:crypto";
import { setTimeout as wait } from "node:timers/promises";
import type { DestinationStream } from "pino";
import { closingStack } from "./closing-stack.ts";
import type { Config } from "./config.ts";
import { webUrlOf } from "./dashboard/github-web.ts";
import { livePages } from "./dashboard/live.ts";
import type { Wait } from "./github/ask.ts";
import { openGitHub } from "./github/open-github.ts";
import { httpApp } from "./http.ts";
import { openLog } from "./log.ts";
import { type Clock, systemClock } from "./model/clock.ts";
import type { Json } from "./model/run.ts";
import type { Workflow } from "./model/workflow.ts";
import { knownSecrets } from "./secrets.ts";
import { listen, SERVER_LIMITS, type ServerLimits } from "./server.ts";
import { openSqliteStore } from "./store/sqlite.ts";
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
    [config.githubToken ?? [], config.githubApp?.privateKey ?? [], config.authTokens].flat(),
  );
  const log = openLog({ level: config.logLevel, secrets, destination: options.logTo });

  const store = openSqliteStore(config.dataDir, { now: clock.now() });
  onClose("the store", store.close);

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
    onPause: ({ until, ...pause }) =>
      log.warn({ ...pause, until: new Date(until).toISOString() }, "GitHub asks for silence because of a limit"),
    timeoutMs: options.githubTimeoutMs,
    patienceMs: options.githubPatienceMs,
  });
  onClose("the connections to GitHub", gitHub.close);

  const workflows = [environmentReady(config) as Workflow];
  const worker = startWorker({
    store,
    workflowNamed: (name) => workflows.find((workflow) => workflow.name === name),
    github: gitHub.attempt,
    hide: secrets.hide,
    scrub: secrets.scrub,
    log,
    clock,
    random,
    owner: randomUUID(),
    retryHours: config.retryHours,
    retainDays: config.retainDays,
  });

  const hasServiceToken = config.githubToken !== undefined || config.githubApp !== undefined;
  const live = livePages(store.overview.revision, clock);
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
        },
        { token, waitMs: wait ? config.waitSeconds * 1000 : 0 },
      ),
    runs: { list: store.list, get: store.get, rerun: worker.rerun },
    checkReady: worker.check,
    authTokens: config.authTokens,
    hasServiceToken,
    // Nobody waits for it, and what the store cannot take is only missing from a list.
    noteRefused: (event) => void store.overview.noteRefused(event, clock.now()).catch(() => {}),
    dashboard: config.dashboard
      ? {
          overview: store.overview,
          accounts: () => [...gitHub.gates.all()].map(([account, gate]) => ({ account, ...gate.state() })),
          live,
          web: { url: webUrlOf(config.githubApiUrl), targetRepo: config.targetRepo },
          clock,
        }
      : undefined,
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

  // Pages that are open would hold up the server's closing.
  onClose("the pages that are open", live.close);

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
