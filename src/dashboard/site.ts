import type { Context, Handler, MiddlewareHandler } from "hono";
import type { Chain, PreviewPage, PreviewQuery } from "../model/chain.ts";
import type { Clock } from "../model/clock.ts";
import type { CallerToken } from "../model/credential.ts";
import type { RunDetail } from "../model/history.ts";
import type { Outage } from "../model/outage.ts";
import type { Overview } from "../model/overview.ts";
import type { Json, ListedRun, RunStatus } from "../model/run.ts";
import type { Bulk, BulkFilter, Cancel, Rerun, RerunOptions } from "../model/run-actions.ts";
import type { Start } from "../model/start.ts";
import type { RunStore } from "../model/store.ts";
import type { BrokenFile, Workflow } from "../model/workflow.ts";
import type { Callbacks } from "./callback-pages.ts";
import type { AccountState } from "./cards.ts";
import type { GitHubWeb } from "./github-web.ts";
import type { Frame } from "./layout.ts";
import type { Live } from "./live.ts";

/** Runs that something may be done with, all at once. */
export type Found = { readonly runs: readonly ListedRun[]; readonly more: boolean };

/** What the pages show, and change. */
export type Shown = {
  /** False: there are the pages of callbacks alone, which are for people who may see nothing else. */
  readonly dashboard: boolean;
  readonly callbacks: Callbacks;
  readonly runs: Pick<RunStore, "list" | "get" | "lines"> & {
    rerun(id: string, options: Omit<RerunOptions, "trace">): Promise<Rerun>;
    /** Starts a new run of the same trigger with another input, which names the run that it re-runs. */
    rerunWith(id: string, input: Json, actor: string): Promise<Start>;
    /** Of a running one: resolves when its attempt has ended, or it is not known after a while whether it has. */
    cancel(id: string, actor: string): Promise<Cancel>;
    /** Those that `rerunAll` re-runs, newest first; `more`: there are further ones, which it leaves alone. */
    rerunnable(filter: BulkFilter & { status: RunStatus }): Promise<Found>;
    rerunAll(filter: BulkFilter & { status: RunStatus }, options: { actor: string }): Promise<Bulk>;
    /** The same of `cancelAll`: all that are open, or those of one status. */
    cancellable(filter: BulkFilter & { status?: RunStatus | undefined }): Promise<Found>;
    cancelAll(filter: BulkFilter & { status?: RunStatus | undefined }, actor: string): Promise<Bulk>;
  };
  readonly workflows: {
    readonly all: readonly Workflow[];
    /** When a workflow's schedule is due next, epoch milliseconds; undefined without one. */
    nextTick(workflow: Workflow, now: number): number | undefined;
    start(workflow: string, inputs: Json, actor: string): Promise<Start>;
    paused: RunStore["paused"];
    pause(workflow: string, actor: string): Promise<unknown>;
    resume(workflow: string, actor: string): Promise<unknown>;
    readonly broken: readonly BrokenFile[];
  };
  readonly previews: {
    list(query: PreviewQuery, page: { limit: number; cursor?: string | undefined }): Promise<PreviewPage>;
    /** The chain that a run is of. */
    of(detail: RunDetail): Promise<Chain | undefined>;
    /** Whether the tests are followed. */
    readonly follows: boolean;
    readonly prefixes: readonly string[];
    readonly argocdUrl: string | undefined;
  };
  readonly overview: Pick<Overview, "activity" | "rejected" | "revision">;
  /** Of GitHub; undefined when there is none. */
  readonly outage: () => Promise<Outage | undefined>;
  readonly accounts: () => readonly AccountState[];
  readonly live: Live;
  readonly web: GitHubWeb;
  readonly version: string;
  readonly clock: Clock;
  readonly tokens: readonly CallerToken[];
  /** A text without tokens. */
  readonly scrub: (text: string) => string;
  /** Reports internal errors. */
  readonly failed: (path: string, error: unknown) => void;
};

/** What the routes of the pages have in common. */
export type Site = {
  readonly shown: Shown;
  /** Says what is wrong in words when a page cannot be made. */
  readonly page: (render: (c: Context, frame: Frame) => Promise<Response> | Response) => Handler;
  /** Lets in people who may see the pages. */
  readonly guard: MiddlewareHandler;
  /** Who sends a request that was let in. */
  readonly actorOf: (c: Context) => string;
};
