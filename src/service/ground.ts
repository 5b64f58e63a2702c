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

/** The parts with which everything else is opened. */
export type Ground = {
  /** The current settings. Do not keep them: read them again each time, from here or from `live`. */
  readonly config: Config;
  readonly live: LiveConfig;
  readonly options: AppOptions;
  readonly loaded: LoadedWorkflows;
  readonly secrets: Secrets;
  readonly log: Log;
  readonly clock: Clock;
  /** Register here how to close what you open, on the next line. */
  readonly closing: AsyncDisposableStack;
};

/** What a test or a demo can replace: clock, randomness, waits, and the log's destination. */
export type AppOptions = {
  readonly logTo?: { write(line: string): void };
  readonly clock?: Clock;
  /** The time of the database's clock, see `PostgresOptions`. */
  readonly databaseNow?: string;
  /** From 0 to 1. */
  readonly random?: () => number;
  /** Waits between the quick retries of an attempt. */
  readonly wait?: Wait;
  readonly serverLimits?: Partial<ServerLimits>;
  readonly githubTimeoutMs?: number;
  /** How long a request may wait for GitHub's limits before its run goes back into the store, ms. */
  readonly githubPatienceMs?: number;
  /** Where to read GitHub's open incidents, instead of its status page. */
  readonly incidentsUrl?: string;
  /** Workflows in addition to those of the settings. */
  readonly workflows?: readonly { readonly workflow: Workflow; readonly file: string }[];
  /** Makes every run a dry run: reads are real, and each write goes to this function. */
  readonly dryRun?: (write: UnsentWrite) => void;
  /** Replaces `fetch` for hosts other than GitHub. */
  readonly fetch?: (fetch: Fetch) => Fetch;
  /**
   * No address and no schedules: runs begin only with `start`. Uses nothing of a service with the same settings: in its
   * database this would be a replica that takes its runs, and NOTIFY_URL is for its runs. The history is in memory.
   */
  readonly closed?: boolean;
  /** Answers only requests whose Host is this machine. A page of another site could point its host name here. */
  readonly onlyLocal?: boolean;
  /** Gets the secret of each callback that a run opens, at every attempt. */
  readonly callbackOpened?: (secret: string) => void;
  /** Gets each run whenever an attempt was stored. */
  readonly settled?: Observer["settled"];
};
