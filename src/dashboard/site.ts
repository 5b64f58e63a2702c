import type { Context, Handler } from "hono";
import type { Principal } from "../model/access.ts";
import type { AuditLog, AuditNote } from "../model/audit.ts";
import type { Chain, PreviewPage, PreviewQuery } from "../model/chain.ts";
import type { Clock } from "../model/clock.ts";
import type { Color } from "../model/color.ts";
import type { RunDetail } from "../model/history.ts";
import type { Outage } from "../model/outage.ts";
import type { Overview } from "../model/overview.ts";
import type { Json, ListedRun, RunStatus } from "../model/run.ts";
import type { Bulk, BulkFilter, Cancel, Rerun, RerunOptions } from "../model/run-actions.ts";
import type { SignIn } from "../model/sign-in.ts";
import type { Start } from "../model/start.ts";
import type { RunStore } from "../model/store.ts";
import type { Who } from "../model/who.ts";
import type { Answers } from "../model/why/facts.ts";
import type { Workflow } from "../model/workflow.ts";
import type { FindFacts } from "../model/workflow-facts.ts";
import type { BrokenFile } from "../model/workflow-file.ts";
import type { Callbacks } from "./callback-pages.ts";
import type { Guard } from "./door.ts";
import type { GitHubWeb } from "./github-web.ts";
import type { Frame } from "./layout.ts";
import type { Live } from "./live.ts";
import type { RejectedSecret } from "./secrets-banner.ts";
import type { AccountState } from "./strip.ts";

/** Runs that something may be done with, all at once. */
export type Found = { readonly runs: readonly ListedRun[]; readonly more: boolean };

/** What the pages show, and change. */
export type Shown = {
  /** False: there are the pages of callbacks alone, which are for people who may see nothing else. */
  readonly dashboard: boolean;
  readonly callbacks: Callbacks;
  readonly runs: Pick<RunStore, "list" | "counts" | "reasons" | "get" | "lines" | "lastSuccess"> & {
    rerun(id: string, options: Omit<RerunOptions, "trace">): Promise<Rerun>;
    /** Starts a new run of the same trigger with another input, which names the run that it re-runs. */
    rerunWith(id: string, input: Json, who: Who): Promise<Start>;
    /** Of a running one: resolves when its attempt has ended, or it is not known after a while whether it has. */
    cancel(id: string, who: Who): Promise<Cancel>;
    /** Those that `rerunAll` re-runs, newest first; `more`: there are further ones, which it leaves alone. */
    rerunnable(filter: BulkFilter & { status: RunStatus }): Promise<Found>;
    rerunAll(filter: BulkFilter & { status: RunStatus }, options: Who): Promise<Bulk>;
    /** The same of `cancelAll`: all that are open, or those of one status. */
    cancellable(filter: BulkFilter & { status?: RunStatus | undefined }): Promise<Found>;
    cancelAll(filter: BulkFilter & { status?: RunStatus | undefined }, who: Who): Promise<Bulk>;
  };
  readonly workflows: {
    readonly all: readonly Workflow[];
    readonly facts: FindFacts;
    /** RETRY_HOURS */
    readonly retryHours: number;
    start(workflow: string, inputs: Json, who: Who): Promise<Start>;
    paused: RunStore["paused"];
    pause(workflow: string, who: Who): Promise<unknown>;
    resume(workflow: string, who: Who): Promise<unknown>;
    /** The variable with the key that Flux signs the events of a workflow with; undefined: none is set. */
    fluxKeyOf(workflow: Workflow): string | undefined;
    readonly broken: readonly BrokenFile[];
    readonly outdated: readonly BrokenFile[];
  };
  readonly answers: Answers;
  readonly audit: Pick<AuditLog, "list" | "verify"> & {
    /** Records a sign-in or a sign-out; `outcome: "rejected"` where it failed. Resolves when it is stored; never rejects. */
    note(entry: AuditNote): Promise<void>;
    /** Writes what is still in memory. */
    flush(): Promise<void>;
  };
  readonly previews: {
    list(query: PreviewQuery, page: { limit: number; cursor?: string | undefined }): Promise<PreviewPage>;
    /** The chain that a run is of, without runs of other workflows than these. */
    of(detail: RunDetail, workflows?: readonly string[]): Promise<Chain | undefined>;
    /** Whether the tests are followed. */
    readonly follows: boolean;
    readonly prefixes: readonly string[];
    readonly argocdUrl: string | undefined;
  };
  readonly overview: Pick<Overview, "activity" | "failures" | "revision">;
  /** Of GitHub; undefined when there is none. */
  readonly outage: () => Promise<Outage | undefined>;
  /** The names of GitHub's open incidents, as far as they are known. */
  readonly incidents: () => readonly string[];
  /** Secrets whose files hold what cannot be used. */
  readonly rejectedSecrets: () => readonly RejectedSecret[];
  readonly accounts: () => readonly AccountState[];
  readonly live: Live;
  readonly web: GitHubWeb;
  readonly version: string;
  /** How this installation is told from others. */
  readonly installation: {
    readonly name: string | undefined;
    readonly color: Color | undefined;
    readonly time: "local" | "utc";
  };
  readonly clock: Clock;
  readonly signIn: SignIn;
  /** Reports why a person was not signed in. */
  readonly notSignedIn: (facts: { method: string; reason: string; address: string }) => void;
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
  readonly guard: Guard;
  /** Who sends a request that was let in. */
  readonly principalOf: (c: Context) => Principal;
  /** The same, as what they do is recorded. */
  readonly whoOf: (c: Context) => Who;
  /** Answers one who may not do what is asked, and says why. */
  readonly forbidden: (c: Context, reason: string) => Response | Promise<Response>;
  /** Whether callers must bring something to be let in. */
  readonly isGuarded: boolean;
  /** Where a request reaches the service, with the path that it is under and without a slash at the end. */
  readonly originOf: (c: Context) => string;
};
