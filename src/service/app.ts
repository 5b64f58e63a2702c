import { setTimeout as wait } from "node:timers/promises";
import { proxyFor } from "../github/proxy.ts";
import type { Route } from "../http/route-list.ts";
import { systemClock } from "../model/clock.ts";
import { unchanging } from "../model/renewable.ts";
import type { Secrets } from "../model/secrets.ts";
import { wakeKeyOfWorkflow } from "../model/waits.ts";
import { openLog } from "../observe/log.ts";
import { knownSecrets, scrubbed } from "../observe/secrets.ts";
import { guardProcess } from "../worker/process-guard.ts";
import type { CheckedWorkflows } from "../workflows/load/check-workflows.ts";
import type { Config } from "./config/config.ts";
import { type Engine, openEngine } from "./engine.ts";
import type { AppOptions, Ground } from "./ground.ts";
import { openLiveConfig } from "./live-config.ts";
import { VERSION } from "./version.ts";
import { repositories, startWarnings } from "./warnings.ts";
import { hideVariables, keyVariables, openWorkflows } from "./workflows.ts";

export type RunningApp = {
  /** Address of the service, such as `http://127.0.0.1:9555`. */
  readonly url: string;
  /** The workflows, and the broken files. */
  readonly loaded: CheckedWorkflows;
  readonly start: Engine["start"];
  /** Runs events without HTTP. */
  readonly engine: Pick<Engine, "store" | "worker" | "wake" | "callbacks" | "actions">;
  /**
   * Loads the files of WORKFLOWS_DIR again. Current attempts end with the code with which they began. Everything that
   * begins later uses the new code.
   * @returns the new workflows and broken files. Throws when the folder cannot be read, and changes nothing.
   */
  reload(): Promise<CheckedWorkflows>;
  /** Every route, and who may use it. */
  routes(): readonly Route[];
  /** Finishes the requests in progress, then closes everything in reverse order of opening. */
  close(): Promise<void>;
};

/** The composition root: opens everything, connects it, and listens. */
export async function startApp(config: Config, options: AppOptions = {}): Promise<RunningApp> {
  const closing = new AsyncDisposableStack();
  const secrets = knownSecrets(config.secrets);
  try {
    return await openApp(config, options, secrets, closing);
  } catch (error) {
    // Waiting runs start before the service listens, so they also need an orderly stop.
    await closing.disposeAsync();
    throw scrubbed(error, secrets.scrub);
  }
}

async function openApp(
  config: Config,
  options: AppOptions,
  secrets: Secrets,
  closing: AsyncDisposableStack,
): Promise<RunningApp> {
  // A closed app receives nothing from outside, so it needs no webhook secret.
  const hasWebhookSecret = options.closed || config.auth.webhookSecrets.length > 0;
  const { dir, strict } = config.workflows;
  const { publicUrl } = config.http;
  const more = options.workflows;
  // An app for one event ends with it, so it follows no tests.
  const settings = options.closed ? { ...config.workflows, follow: [] } : config.workflows;
  const versions =
    config.workflows.reload && dir !== undefined && !options.closed
      ? (await import("./workflow-versions.ts")).workflowVersions({ dir, dataDir: config.store.dataDir }, closing)
      : undefined;
  const loaded = await openWorkflows(settings, { closing, more, hasWebhookSecret, publicUrl, strict, versions });
  const log = openLog({ level: config.observe.logLevel, secrets, destination: options.logTo });
  const take = () => {
    hideVariables(loaded.current, secrets);
    for (const warning of loaded.current.warnings) log.warn(warning);
    for (const broken of loaded.current.broken)
      log.warn(broken, "a workflow's file is broken: the others run without it");
    for (const outdated of loaded.current.outdated)
      log.warn(outdated, "a workflow's file is broken: its previous version runs");
  };
  take();
  if (dir !== undefined || more) closing.defer(guardProcess(log, secrets));

  const clock = options.clock ?? systemClock;
  /** Applies the current secrets to everything that is open. */
  let followSecrets = (_names: readonly string[]) => {};
  const live = options.closed
    ? { ...unchanging(config), rejected: () => [], rejectedInUse: () => {}, close: () => {} }
    : openLiveConfig(config, {
        ...{ clock, secrets, log, wait: options.wait ?? (async (ms: number) => void (await wait(ms))) },
        async apply(next) {
          const wrong = await loaded.renew(next.workflows);
          hideVariables(loaded.current, secrets);
          return wrong;
        },
        replaced: (names) => followSecrets(names),
      });
  closing.defer(live.close);
  const ground: Ground = {
    ...{ live, options, loaded, secrets, log, clock, closing },
    get config() {
      return live.now();
    },
  };
  // A command that runs one event does not load HTTP. That takes 0.20 s of CPU instead of 0.23 (measured).
  const open = options.closed ? undefined : await import("./open-http.ts");
  const drainMs = open?.limitsOf(options).drainMs;
  const engine = await openEngine(ground, drainMs);
  const app = {
    url: "",
    get loaded() {
      return loaded.current;
    },
    start: engine.start,
    engine,
    reload: async () => loaded.current,
    routes: (): readonly Route[] => [],
    close: () => closing.disposeAsync(),
  };
  if (!open) return app;
  // Wakes runs that waited because their workflow file was broken. Without this they check later.
  const wakeHeld = () =>
    engine
      .wake(loaded.current.workflows.map(({ name }) => wakeKeyOfWorkflow(name)))
      .catch((err) =>
        log.warn({ err }, "runs that wait for their workflow begin later: the database cannot be written"),
      );
  await wakeHeld();
  const { server, follow, routes } = await open.openHttp(ground, engine);
  app.routes = routes;
  let known = loaded.current.workflows;
  followSecrets = (names) => {
    void engine.audit.note({ actor: "gh-runner", action: "secrets", details: `reloaded: ${names.join(", ")}` });
    // A missing file may have been the only problem of a workflow.
    const isSame = known.length === loaded.current.workflows.length;
    if (isSame) return follow.secrets();
    follow.workflows();
    void wakeHeld();
    known = loaded.current.workflows;
  };

  for (const warning of startWarnings(config, loaded.current, keyVariables(loaded.current.workflows)))
    log.warn(warning);
  log.info(engine.gitHub.aboutLimits);
  const { apiUrl } = config.github;
  const proxy = proxyFor(apiUrl, config.github);
  log.info(
    {
      url: server.url,
      listening: server.address,
      version: VERSION,
      github: apiUrl,
      ...repositories(config.workflows),
      ...(proxy ? { proxy } : {}),
    },
    "gh-runner is ready",
  );
  app.url = server.url;
  app.close = async () => {
    if (closing.disposed) return;
    log.info({ drain_ms: drainMs }, "gh-runner is stopping: it accepts nothing more and finishes work in progress");
    await closing.disposeAsync();
    log.info("gh-runner has stopped");
  };
  app.reload = async () => {
    await live.refresh();
    await loaded.reload();
    take();
    follow.workflows();
    known = loaded.current.workflows;
    await live.refresh();
    await wakeHeld();
    return loaded.current;
  };
  if (versions && dir !== undefined) {
    const { reloadOnChange } = await import("./reload.ts");
    closing.defer(reloadOnChange(dir, { loaded, reload: app.reload, log }));
  }
  return app;
}
