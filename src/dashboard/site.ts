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

/** Runs for an action on several runs. `more`: more runs match. */
export type Found = { readonly runs: readonly ListedRun[]; readonly more: boolean };

/** What the pages show and change. */
export type Shown = {
  /** False: only the pages of callbacks are mounted. They are for people who may see nothing else. */
  readonly dashboard: boolean;
  readonly callbacks: Callbacks;
  readonly runs: Pick<RunStore, "list" | "counts" | "reasons" | "get" | "lines" | "lastSuccess"> & {
    rerun(id: string, options: Omit<RerunOptions, "trace">): Promise<Rerun>;
    /** Starts a new run of the same trigger with another input. It links to the run that it repeats. */
    rerunWith(id: string, input: Json, who: Who): Promise<Start>;
    /** Resolves when the attempt of a running run has ended, or after a while if that is not known. */
    cancel(id: string, who: Who): Promise<Cancel>;
    /** The runs that `rerunAll` re-runs, newest first. `more`: more runs match, and it does not re-run them. */
    rerunnable(filter: BulkFilter & { status: RunStatus }): Promise<Found>;
    rerunAll(filter: BulkFilter & { status: RunStatus }, options: Who): Promise<Bulk>;
    /** The runs that `cancelAll` cancels: all open runs, or those of one status. */
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
    /** The variable with the key that Flux signs a workflow's events with. Undefined if none is set. */
    fluxKeyOf(workflow: Workflow): string | undefined;
    readonly broken: readonly BrokenFile[];
    readonly outdated: readonly BrokenFile[];
  };
  readonly answers: Answers;
  readonly audit: Pick<AuditLog, "list" | "verify"> & {
    /** Records a sign-in or sign-out, with `outcome: "rejected"` if it failed. Resolves when it is stored. Never rejects. */
    note(entry: AuditNote): Promise<void>;
    /** Writes the records that are still in memory. */
    flush(): Promise<void>;
  };
  readonly previews: {
    list(query: PreviewQuery, page: { limit: number; cursor?: string | undefined }): Promise<PreviewPage>;
    /** The chain of a run, with only runs of these workflows. */
    of(detail: RunDetail, workflows?: readonly string[]): Promise<Chain | undefined>;
    /** Whether the service follows the tests (FOLLOW). */
    readonly follows: boolean;
    readonly prefixes: readonly string[];
    readonly argocdUrl: string | undefined;
  };
  readonly overview: Pick<Overview, "activity" | "failures" | "revision">;
  /** GitHub's outage, or undefined. */
  readonly outage: () => Promise<Outage | undefined>;
  /** The names of GitHub's known open incidents. */
  readonly incidents: () => readonly string[];
  /** Secrets whose files contain invalid values. */
  readonly rejectedSecrets: () => readonly RejectedSecret[];
  readonly accounts: () => readonly AccountState[];
  readonly live: Live;
  readonly web: GitHubWeb;
  readonly version: string;
  /** The settings that distinguish this installation from others. */
  readonly installation: {
    readonly name: string | undefined;
    readonly color: Color | undefined;
    readonly time: "local" | "utc";
  };
  readonly clock: Clock;
  readonly signIn: SignIn;
  /** Reports why a person was not signed in. */
  readonly notSignedIn: (facts: { method: string; reason: string; address: string }) => void;
  /** Removes tokens from a text. */
  readonly scrub: (text: string) => string;
  /** Reports internal errors. */
  readonly failed: (path: string, error: unknown) => void;
};

/** What the routes of the pages share. */
export type Site = {
  readonly shown: Shown;
  /** Renders a page. If that fails, it shows a page with the reason. */
  readonly page: (render: (c: Context, frame: Frame) => Promise<Response> | Response) => Handler;
  /** Accepts people who may see the pages. */
  readonly guard: Guard;
  /** The sender of a request that the guard accepted. */
  readonly principalOf: (c: Context) => Principal;
  /** The sender, for the records of what they do. */
  readonly whoOf: (c: Context) => Who;
  /** Answers a sender who lacks the permission, and says why. */
  readonly forbidden: (c: Context, reason: string) => Response | Promise<Response>;
  /** Whether callers need a credential. */
  readonly isGuarded: boolean;
  /** The service's address for the sender of a request, with the path prefix and without a slash at the end. */
  readonly originOf: (c: Context) => string;
};
