import { randomUUID } from "node:crypto";
import { setTimeout as wait } from "node:timers/promises";
import type { DestinationStream } from "pino";
import { webUrlOf } from "../dashboard/github-web.ts";
import { livePages } from "../dashboard/live.ts";
import { mountDashboard } from "../dashboard/mount.ts";
import type { Wait } from "../github/ask.ts";
import { openFetch } from "../github/connections.ts";
import type { UnsentWrite } from "../github/dry-run.ts";
import { openGitHub } from "../github/open-github.ts";
import { proxyFor } from "../github/proxy.ts";
import { rejectedRequests } from "../http/rejected-requests.ts";
import { httpApp } from "../http/routes.ts";
import { listen, SERVER_LIMITS, type ServerLimits } from "../http/server.ts";
import type { AcceptEvent } from "../http/triggers/http.ts";
import { scheduleProblem, startSchedules } from "../http/triggers/schedule.ts";
import { type Clock, systemClock } from "../model/clock.ts";
import { type Observer, observedBy } from "../model/observer.ts";
import type { Json } from "../model/run.ts";
import type { RerunOptions, RunDetail } from "../model/store.ts";
import { groupOf, type Workflow } from "../model/workflow.ts";
import { openLog } from "../observe/log.ts";
import { repeatedRecords } from "../observe/repeated-records.ts";
import { knownSecrets, type Secrets, scrubbed } from "../observe/secrets.ts";
import { guardProcess } from "../worker/process-guard.ts";
import { startWorker } from "../worker/worker.ts";
import { environmentReady } from "../workflows/environment-ready.ts";
import { type CheckedWorkflows, checkedWorkflows } from "../workflows/load/check-workflows.ts";
import { loadWorkflows, sourceIn } from "../workflows/load/load-workflows.ts";
import { type ClosingStack, closingStack } from "./closing-stack.ts";
import type { Config } from "./config/config.ts";
import { secretLines } from "./config/setting-values.ts";
import { openObservers } from "./observing.ts";
import { openMemoryStore, openStore } from "./open-store.ts";
import { defaultRepositories, gitHubSettings, plainHttp, repositories, secretsIn, shortSecrets } from "./settings.ts";
import { VERSION } from "./version.ts";

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
  /** Workflows beside those of the settings. */
  readonly workflows?: readonly { readonly workflow: Workflow; readonly file: string }[];
  /** Makes every run a dry run: what it reads is real, and what it would write is handed over. */
  readonly dryRun?: (write: UnsentWrite) => void;
  /**
   * No address and no schedules: runs begin by `start` alone. Nothing of a service that has the same settings is used: in
   * its database this would be a replica, which takes its runs, and its NOTIFY_URL is for its runs. The history is in
   * memory.
   */
  readonly closed?: boolean;
  /** Told of a run whenever an attempt of it was stored. */
  readonly settled?: Observer["settled"];
};

export type RunningApp = {
  /** Where the service answers, such as `http://127.0.0.1:9555`. */
  readonly url: string;
  /**
   * Starts a run of a workflow with this input; resolves when it has ended, or an attempt has failed, or after so many
   * milliseconds.
   * @param enough ends the wait earlier.
   */
  start(workflow: string, input: Json, waitMs: number, enough?: Promise<unknown>): Promise<RunDetail>;
  /** Answers what is in flight, then closes everything, in reverse order of opening. */
  close(): Promise<void>;
};

/** The composition root: opens everything, wires it together, and listens. */
export async function startApp(config: Config, options: AppOptions = {}): Promise<RunningApp> {
  const stack = closingStack();
  const secrets = knownSecrets(secretsIn(config));
  try {
    return await openApp(config, options, secrets, stack);
  } catch (error) {
    // Runs that wait are taken up before there is an address: they end in an orderly way, too.
    await stack.close();
    throw scrubbed(error, secrets.scrub);
  }
}

async function openApp(
  config: Config,
  options: AppOptions,
  secrets: Secrets,
  { onClose, close }: ClosingStack,
): Promise<RunningApp> {
  const { clock = systemClock, random = Math.random } = options;
  const limits = { ...SERVER_LIMITS, ...options.serverLimits };

  const { workflows, fileOf, variables, warnings } = await workflowsOf(config, {
    onClose,
    more: options.workflows,
  });
  const tokens = tokenVariables(workflows);
  for (const [name, value] of Object.entries(variables)) {
    if (tokens.has(name)) for (const each of [value, ...secretLines(value)]) secrets.guard(each);
    else secrets.hide(value);
  }

  const log = openLog({ level: config.logLevel, secrets, destination: options.logTo });
  for (const warning of warnings) log.warn(warning);

  if ([...fileOf.values()].some((file) => file !== BUILT_IN))
    onClose("the guard of the process", guardProcess(log, secrets));

  const repeated = repeatedRecords(log, clock);
  onClose("what is counted for the log", repeated.close);

  const store = options.closed ? await openMemoryStore(clock) : await openStore(config, { clock, log });
  onClose("the store", store.close);

  const outside = openFetch(config);
  onClose("the connections to other hosts", outside.close);

  const rejected = rejectedRequests(store.overview.noteRejected, clock);
  onClose("the counts of rejected requests", rejected.close);

  const { observe, metrics, tracing } = await openObservers(
    options.closed ? { ...config, notifyUrl: undefined } : config,
    {
      workflows: workflows.map(({ name }) => name),
      store,
      secrets,
      log,
      clock,
      fetch: outside.fetch,
      onClose,
    },
  );

  const gitHub = await openGitHub({
    ...gitHubSettings(config),
    hide: secrets.guard,
    brief: secrets.brief,
    limitLog: store.limits,
    clock,
    wait: options.wait ?? (async (ms: number) => void (await wait(ms))),
    observe,
    onPause: ({ until, ...pause }) => {
      metrics.paused(pause.account, until);
      log.warn({ ...pause, until: new Date(until).toISOString() }, "GitHub asks for silence because of a limit");
    },
    onExpiry: (account, expiresAt) =>
      log.warn(
        { account, expires: new Date(expiresAt).toISOString() },
        `the token in ${account} ends in ${daysLeft(expiresAt - clock.now())}: make a new one, and restart with it`,
      ),
    onTrouble: (account, trouble) => {
      if (trouble === undefined) log.info({ account }, "the limits that the replicas share can be asked again");
      else log.error({ account, err: trouble }, "the limits that the replicas share cannot be asked: nothing is sent");
    },
    timeoutMs: options.githubTimeoutMs,
    patienceMs: options.githubPatienceMs,
  });
  onClose("the connections to GitHub", gitHub.close);

  const worker = startWorker({
    store,
    workflowNamed: (name) => workflows.find((workflow) => workflow.name === name),
    github: (attempt) => gitHub.attempt({ ...attempt, dryRun: options.dryRun }),
    sourceOf: (name) => sourceIn(config.workflowsDir, fileOf.get(name)),
    envOf: ({ env = [] }) => Object.fromEntries(env.map((name) => [name, variables[name] ?? ""])),
    tokenOf: ({ githubToken }) => (githubToken === undefined ? undefined : variables[githubToken]),
    hide: secrets.hide,
    keeping: secrets,
    log,
    traceIds: tracing?.ids,
    observe: options.settled ? observedBy([observe, { settled: options.settled }]) : observe,
    fetch: outside.fetch,
    clock,
    random,
    owner: randomUUID(),
    retryHours: config.retryHours,
    retainDays: config.retainDays,
  });

  // One deadline for answers and runs.
  const lastMs = limits.drainMs * LAST_PART;
  let deadline: number | undefined;
  onClose("the runs in flight", async () => {
    const left = deadline === undefined ? limits.drainMs : deadline - performance.now();
    await worker.drain(Math.max(lastMs, left), lastMs);
  });

  metrics.read({ gates: gitHub.gates, store, checkReady: worker.check, storeTrouble: worker.storeTrouble });

  const hasServiceToken = config.githubToken !== undefined || config.githubApp !== undefined;
  const accept: AcceptEvent = async ({ workflow, input, token, event }, { wait }) =>
    worker.accept(
      {
        id: randomUUID(),
        workflow: workflow.name,
        group: groupOf(workflow, input),
        input,
        event,
        ownToken: token !== undefined,
        trace: tracing?.note(),
      },
      { token, waitMs: wait ? config.waitSeconds * 1000 : 0 },
    );
  const live = livePages(store.overview.revision, clock);
  const runs = {
    list: store.list,
    get: store.get,
    rerun: (id: string, options: Pick<RerunOptions, "evenIfOlder">) =>
      worker.rerun(id, { ...options, trace: tracing?.note() }),
  };
  const app = httpApp({
    workflows,
    accept,
    webhookSecrets: config.githubWebhookSecret,
    fluxKeys: config.fluxHmacKey,
    secretsOf: (name) => secretLines(variables[name] ?? ""),
    runs,
    checkReady: worker.check,
    storeTrouble: worker.storeTrouble,
    metrics: metrics.expose,
    inbound: tracing?.inbound,
    publicUrl: config.publicUrl,
    authTokens: config.authTokens,
    hasServiceToken,
    failedAuthentication(facts) {
      metrics.inbound.failedAuthentication(facts.credential);
      repeated.note("warn", "a request without a valid credential was rejected", facts, facts.credential);
    },
    refused: (facts) =>
      repeated.note("info", "request rejected", facts, `${facts.status} ${facts.path} ${facts.reason}`),
    noteRefused(event) {
      metrics.inbound.rejected(event.status);
      rejected.note(event);
    },
    mountPages: config.dashboard
      ? (app, entrance) =>
          mountDashboard(app, entrance, {
            runs,
            overview: store.overview,
            accounts: () => [...gitHub.gates.all()].map(([account, gate]) => ({ account, ...gate.state() })),
            live,
            workflows: workflows.map(({ name }) => name),
            web: {
              url: webUrlOf(config.githubApiUrl),
              repositoryOf: (name) => workflows.find((workflow) => workflow.name === name)?.repository,
            },
            version: VERSION,
            clock,
            tokens: config.authTokens,
            scrub: secrets.scrub,
            failed: (path, error) => log.error({ path, err: error }, "page failed"),
          })
      : undefined,
    version: VERSION,
    log,
    secrets,
  });
  const start: RunningApp["start"] = async (name, input, waitMs, enough) => {
    const workflow = workflows.find((each) => each.name === name);
    if (!workflow) throw new Error(`There is no workflow ${name}.`);
    const event = { id: randomUUID(), workflow: name, group: groupOf(workflow, input), input, ownToken: false };
    const { run, outcome } = await worker.accept(event, { token: undefined, waitMs });
    await (enough ? Promise.race([outcome, enough]) : outcome);
    return (await store.get(run)) as RunDetail;
  };
  if (options.closed) return { url: "", start, close };
  const onFull = (connections: number) =>
    log.warn(
      { connections },
      "as many connections are open as the heap has room for: more are closed unread, and are to be sent again",
    );
  const server = await listen(app, {
    port: config.port,
    host: config.host,
    keepAliveMs: config.keepAliveSeconds * 1000,
    limits,
    onFull,
    onClosed: (why, address) => {
      metrics.inbound.connectionClosed(why);
      if (why !== "idle") repeated.note("warn", CLOSED[why], { address }, why);
    },
  });
  // Callers who would wait beyond the deadline are told so before they are cut off.
  onClose("the HTTP server", async () => {
    deadline = performance.now() + limits.drainMs;
    const dismissal = setTimeout(worker.dismissCallers, limits.drainMs - lastMs);
    await server.close();
    clearTimeout(dismissal);
  });

  // What starts runs begins last and stops first.
  onClose("the schedules", startSchedules(workflows, { accept, store, clock, log }));
  // Pages that are open would hold up the server's closing.
  onClose("the pages that are open", live.close);

  const declared = Object.keys(variables);
  for (const { name, warning } of config.nearSettings) if (!declared.includes(name)) log.warn(warning);
  for (const warning of defaultRepositories(config)) log.warn(warning);
  if (config.authTokens.length === 0) {
    log.warn("AUTH_TOKENS is not set: everybody who can reach this service can start runs");
  }
  const keys = Object.fromEntries(keyVariables(workflows).map((name) => [name, variables[name] ?? ""]));
  for (const warning of [...shortSecrets(config, keys), ...plainHttp(config).map((text) => `${text}: use https`)])
    log.warn(warning);
  if (!hasServiceToken) {
    log.warn(
      "neither GITHUB_TOKEN nor GITHUB_APP_ID is set: only requests that bring their own github_token will work",
    );
  }
  log.info(gitHub.aboutLimits);
  const proxy = proxyFor(config.githubApiUrl, config);
  log.info(
    {
      url: server.url,
      listening: server.address,
      version: VERSION,
      github: config.githubApiUrl,
      ...repositories(config),
      ...(proxy ? { proxy } : {}),
    },
    "gh-runner is ready",
  );
  return { url: server.url, start, close };
}

function daysLeft(milliseconds: number): string {
  const days = Math.floor(milliseconds / 86_400_000);
  return days < 1 ? "less than a day" : days === 1 ? "1 day" : `${days} days`;
}

/** The last part of a stop, in which runs begin nothing new and callers do not wait any more. */
const LAST_PART = 0.2;

/** Why connections were closed, for the log. Those that were idle for the longest are too many by design. */
const CLOSED = {
  pipelining: "a client sent requests without waiting for answers, and its connection was closed",
  unread: "a client did not read its answer, and its connection was closed",
  bodies: "more bodies were on their way than are read in turns, and a connection was closed",
} as const;

/** Variables that hold a token for certain. Those in `env` may hold anything, such as the name of a repository. */
function tokenVariables(workflows: readonly Workflow[]): ReadonlySet<string> {
  return new Set([...workflows.map(({ githubToken }) => githubToken ?? []), keyVariables(workflows)].flat());
}

/** Variables that hold what callers of a workflow must bring. */
function keyVariables(workflows: readonly Workflow[]): readonly string[] {
  return workflows.flatMap(({ on }) => [on.http?.token ?? [], on.flux?.key ?? []].flat());
}

const BUILT_IN = "built in";

/**
 * All workflows of a service: the built-in one, those of WORKFLOWS_DIR, and more.
 * @throws Error that begins with "Cannot" and names everything that is wrong with any of them.
 */
export async function workflowsOf(
  config: Config,
  {
    onClose,
    more = [],
    variable = config.variable,
    hasWebhookSecret = config.githubWebhookSecret.length > 0,
  }: {
    onClose: ClosingStack["onClose"];
    more?: AppOptions["workflows"] | undefined;
    variable?: Config["variable"];
    hasWebhookSecret?: boolean;
  },
): Promise<CheckedWorkflows> {
  const loaded = config.workflowsDir === undefined ? [] : await loadWorkflows(config.workflowsDir, onClose);
  // Not its token: workflows name the variable that holds theirs.
  const { githubToken: _, ...pair } = config;
  const builtIn = [{ workflow: environmentReady(pair) as Workflow, file: BUILT_IN }];
  const all = [...loaded, ...more.map(({ workflow, file }) => ({ file, exported: workflow }))];
  return checkedWorkflows(builtIn, all, { variable, hasWebhookSecret }, scheduleProblem);
}
