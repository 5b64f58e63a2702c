import type { Wait } from "../github/ask.ts";
import type { ServerLimits } from "../http/server.ts";
import type { Clock } from "../model/clock.ts";
import type { Log } from "../model/log.ts";
import type { Fetch, UnsentWrite } from "../model/network.ts";
import type { Observer } from "../model/observer.ts";
import type { Secrets } from "../model/secrets.ts";
import type { Workflow } from "../model/workflow.ts";
import type { Config } from "./config/config.ts";
import type { LiveConfig } from "./live-config.ts";
import type { LoadedWorkflows } from "./workflows.ts";

/** What everything else is opened with. */
export type Ground = {
  /** As it is now: what is used for longer than a moment is asked for each time, from here or from `live`. */
  readonly config: Config;
  readonly live: LiveConfig;
  readonly options: AppOptions;
  readonly loaded: LoadedWorkflows;
  readonly secrets: Secrets;
  readonly log: Log;
  readonly clock: Clock;
  /** What is opened is registered here, on the next line, with how it is closed. */
  readonly closing: AsyncDisposableStack;
};

/** What a test or a demo may replace: clocks, chance, patience, and where the log goes. */
export type AppOptions = {
  readonly logTo?: { write(line: string): void };
  readonly clock?: Clock;
  /** What the time is by the database's clock, see `PostgresOptions`. */
  readonly databaseNow?: string;
  /** From 0 to 1. */
  readonly random?: () => number;
  /** Waits between the tries inside an attempt. */
  readonly wait?: Wait;
  readonly serverLimits?: Partial<ServerLimits>;
  readonly githubTimeoutMs?: number;
  /** How long a request may wait before GitHub's limits before its run is put back into the store, ms. */
  readonly githubPatienceMs?: number;
  /** Where GitHub's open incidents are read, instead of at its status page. */
  readonly incidentsUrl?: string;
  /** Workflows beside those of the settings. */
  readonly workflows?: readonly { readonly workflow: Workflow; readonly file: string }[];
  /** Makes every run a dry run: what it reads is real, and what it would write is handed over. */
  readonly dryRun?: (write: UnsentWrite) => void;
  /** Other hosts than GitHub, instead of `fetch` by itself. */
  readonly fetch?: (fetch: Fetch) => Fetch;
  /**
   * No address and no schedules: runs begin by `start` alone. Nothing of a service that has the same settings is used: in
   * its database this would be a replica, which takes its runs, and its NOTIFY_URL is for its runs. The history is in
   * memory.
   */
  readonly closed?: boolean;
  /** Answers only requests that name this machine: a page of another site could have its own name lead here. */
  readonly onlyLocal?: boolean;
  /** Told of the secret of each callback that a run opens, at every attempt. */
  readonly callbackOpened?: (secret: string) => void;
  /** Told of a run whenever an attempt of it was stored. */
  readonly settled?: Observer["settled"];
};
