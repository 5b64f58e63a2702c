import type { Context, Handler, MiddlewareHandler } from "hono";
import { type Clock, pause } from "../model/clock.ts";
import type { CallerToken } from "../model/credential.ts";
import type { Overview } from "../model/overview.ts";
import type { Json } from "../model/run.ts";
import type { Start } from "../model/start.ts";
import type { Cancel, Rerun, RerunOptions, RunStore } from "../model/store.ts";
import type { BrokenFile, Workflow } from "../model/workflow.ts";
import type { Callbacks } from "./callback-pages.ts";
import type { AccountState } from "./cards.ts";
import type { GitHubWeb } from "./github-web.ts";
import type { Frame } from "./layout.ts";
import type { Live } from "./live.ts";

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
  readonly overview: Pick<Overview, "activity" | "rejected" | "revision">;
  readonly accounts: () => readonly AccountState[];
  readonly live: Live;
  readonly web: GitHubWeb;
  readonly version: string;
  readonly clock: Clock;
  readonly tokens: readonly CallerToken[];
  /** A text without tokens. */
  readonly scrub: (text: string) => string;
  /** Told of internal errors. */
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

/** What a promise resolves with, if it does so in time; else undefined. */
export async function within<Result>(promise: Promise<Result>, clock: Clock, milliseconds: number) {
  const known = new AbortController();
  const first = Promise.race([promise, pause(clock, milliseconds, known.signal).then(() => undefined)]);
  const end = () => known.abort();
  // A failure that comes later is in the log of the part that it is of.
  promise.then(end, end);
  return first;
}
