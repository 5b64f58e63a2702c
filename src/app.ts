import { randomUUID } from "node:crypto";
import { setTimeout as wait } from "node:timers/promises";
import type { DestinationStream } from "pino";
import { closingStack } from "./closing-stack.ts";
import type { Config } from "./config.ts";
import { gitHubAs, type Wait } from "./github/client.ts";
import { openGitHubHttp } from "./github/http.ts";
import { httpApp } from "./http.ts";
import { openLog } from "./log.ts";
import type { Workflow } from "./model/workflow.ts";
import { knownSecrets } from "./secrets.ts";
import { listen, SERVER_LIMITS, type ServerLimits } from "./server.ts";
import { VERSION } from "./version.ts";
import { createRunner } from "./worker/runner.ts";
import { environmentReady } from "./workflows/environment-ready.ts";

/** What a test or a demo may replace: clocks, patience, and where the log goes. */
export type AppOptions = {
  readonly logTo?: DestinationStream;
  /** Epoch milliseconds. */
  readonly now?: () => number;
  readonly wait?: Wait;
  readonly serverLimits?: Partial<ServerLimits>;
  readonly githubTimeoutMs?: number;
};

export type RunningApp = {
  /** Where the service answers, such as `http://127.0.0.1:9555`. */
  readonly url: string;
  /** Answers what is in flight, then closes everything, in reverse order of opening. */
  close(): Promise<void>;
};

/** The composition root: opens everything, wires it together, and listens. */
export async function startApp(config: Config, options: AppOptions = {}): Promise<RunningApp> {
  const { now = Date.now, githubTimeoutMs } = options;
  const limits = { ...SERVER_LIMITS, ...options.serverLimits };
  const { onClose, close } = closingStack();

  const secrets = knownSecrets([config.githubToken ?? [], config.authTokens].flat());
  const log = openLog({ level: config.logLevel, secrets, destination: options.logTo });

  const { send, ...gitHubHttp } = openGitHubHttp({
    apiUrl: config.githubApiUrl,
    userAgent: `gh-runner/${VERSION}`,
    ...(githubTimeoutMs === undefined ? {} : { timeoutMs: githubTimeoutMs }),
  });
  onClose("the connections to GitHub", gitHubHttp.close);
  const gitHubNeeds = {
    apiUrl: config.githubApiUrl,
    send,
    now,
    wait: options.wait ?? (async (ms) => void (await wait(ms))),
  };

  const runner = createRunner({
    github: (token, saw) => gitHubAs(token ?? config.githubToken ?? "", { ...gitHubNeeds, saw }),
    hide: secrets.hide,
    scrub: secrets.scrub,
    log,
    now,
    newId: randomUUID,
  });
  const app = httpApp({
    workflows: [environmentReady(config) as Workflow],
    run: runner.run,
    authTokens: config.authTokens,
    hasServiceToken: config.githubToken !== undefined,
    log,
    secrets,
  });
  const server = await listen(app, { port: config.port, host: config.host, limits });
  // Both wait for the same runs: one deadline for the two, in the order answers first.
  onClose("the HTTP server and runs in flight", async () => {
    const deadline = wait(limits.drainMs, undefined, { ref: false });
    await server.close();
    await Promise.race([runner.drained(), deadline]);
  });

  if (config.authTokens.length === 0) {
    log.warn("AUTH_TOKENS is not set: everybody who can reach this service can start runs");
  }
  if (!config.githubToken) {
    log.warn("GITHUB_TOKEN is not set: only requests that bring their own github_token will work");
  }
  log.info({ url: server.url, version: VERSION, github: config.githubApiUrl }, "gh-runner is ready");
  return { url: server.url, close };
}
