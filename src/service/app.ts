import { proxyFor } from "../github/proxy.ts";
import { systemClock } from "../model/clock.ts";
import type { Secrets } from "../model/secrets.ts";
import { wakeKeyOfWorkflow } from "../model/waits.ts";
import { openLog } from "../observe/log.ts";
import { knownSecrets, scrubbed } from "../observe/secrets.ts";
import { guardProcess } from "../worker/process-guard.ts";
import type { CheckedWorkflows } from "../workflows/load/check-workflows.ts";
import type { Config } from "./config/config.ts";
import { type Engine, openEngine } from "./engine.ts";
import type { AppOptions } from "./ground.ts";
import { VERSION } from "./version.ts";
import { repositories, startWarnings } from "./warnings.ts";
import { hideVariables, keyVariables, openWorkflows } from "./workflows.ts";

export type RunningApp = {
  /** Where the service answers, such as `http://127.0.0.1:9555`. */
  readonly url: string;
  /** The workflows, and the files that are broken. */
  readonly loaded: CheckedWorkflows;
  readonly start: Engine["start"];
  /** What runs events, for those that have no use for HTTP. */
  readonly engine: Pick<Engine, "store" | "worker" | "wake" | "callbacks" | "actions">;
  /**
   * Loads the files of WORKFLOWS_DIR again. Attempts that are under way end with the code that they began with; everything
   * that begins afterwards uses the new one.
   * @returns what there is now, with the files that are broken. Throws when the folder cannot be read: then all stays.
   */
  reload(): Promise<CheckedWorkflows>;
  /** Answers what is in flight, then closes everything, in reverse order of opening. */
  close(): Promise<void>;
};

/** The composition root: opens everything, wires it together, and listens. */
export async function startApp(config: Config, options: AppOptions = {}): Promise<RunningApp> {
  const closing = new AsyncDisposableStack();
  const secrets = knownSecrets(config.secrets);
  try {
    return await openApp(config, options, secrets, closing);
  } catch (error) {
    // Runs that wait are taken up before there is an address: they end in an orderly way, too.
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
  // Nothing comes in from outside where it is closed.
  const hasWebhookSecret = options.closed || config.auth.webhookSecrets.length > 0;
  const { dir, strict } = config.workflows;
  const { publicUrl } = config.http;
  const more = options.workflows;
  // What runs one event ends with it, and follows nothing.
  const settings = options.closed ? { ...config.workflows, follow: [] } : config.workflows;
  const loaded = await openWorkflows(settings, { closing, more, hasWebhookSecret, publicUrl, strict });
  const log = openLog({ level: config.observe.logLevel, secrets, destination: options.logTo });
  const take = () => {
    hideVariables(loaded.current, secrets);
    for (const warning of loaded.current.warnings) log.warn(warning);
    for (const broken of loaded.current.broken)
      log.warn(broken, "a workflow's file is broken: the others run without it");
  };
  take();
  if (dir !== undefined || more) closing.defer(guardProcess(log, secrets));

  const ground = { config, options, loaded, secrets, log, clock: options.clock ?? systemClock, closing };
  // A command that runs one event does without, and takes 0.20 s of CPU instead of 0.23 (measured).
  const open = options.closed ? undefined : await import("./open-http.ts");
  const engine = await openEngine(ground, open?.limitsOf(options).drainMs);
  const app = {
    url: "",
    get loaded() {
      return loaded.current;
    },
    start: engine.start,
    engine,
    reload: async () => loaded.current,
    close: () => closing.disposeAsync(),
  };
  if (!open) return app;
  // Runs that had to wait because the file of their workflow was broken. They are looked at anyway, only later.
  const wakeHeld = () =>
    engine
      .wake(loaded.current.workflows.map(({ name }) => wakeKeyOfWorkflow(name)))
      .catch((err) => log.warn({ err }, "runs that wait for their workflow begin later: the store cannot be written"));
  await wakeHeld();
  const { server, follow } = await open.openHttp(ground, engine);

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
  app.reload = async () => {
    await loaded.reload();
    take();
    follow();
    await wakeHeld();
    return loaded.current;
  };
  return app;
}
