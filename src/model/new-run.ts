import type { Claim } from "./claim.ts";
import type { Json, Trigger } from "./run.ts";
import type { Who } from "./who.ts";

/** An event that is about to become a run. */
export type NewRun = {
  readonly id: string;
  readonly workflow: string;
  readonly group: string | undefined;
  /** See `Run`. */
  readonly title?: string | undefined;
  readonly input: Json;
  readonly trigger?: Trigger | undefined;
  /** Who started it, see `Run`. */
  readonly actor?: string | undefined;
  /** More of who started it by hand, for the audit log. */
  readonly by?: Who | undefined;
  readonly rerunOf?: string | undefined;
  readonly order?: Order | undefined;
  /** What tells the event from others, where its sender delivers events more than once. */
  readonly event?: EventIdentity | undefined;
  /** Stored as running already, outside its concurrency group: no other process could execute it. */
  readonly ownToken: boolean;
  /** See `Run`. */
  readonly trace?: string | undefined;
};

/** How a workflow's runs take their turns; without it each group has one queued run, the newest. */
export type Order = {
  /** `all`: every event of a group runs, in order of acceptance. */
  readonly queue?: "latest" | "all";
  /** A newer event of a group cancels the run that is running or waits there. */
  readonly cancelRunning?: boolean;
  /** The workflow has a `cancelled`, which is called for runs that are cancelled so. */
  readonly hasHandler?: boolean;
  /** A run is due when its group has had no newer event for so long, ms. */
  readonly debounceMs?: number;
  /** Up to `limit` runs of a group, or of a workflow without groups, begin within `perMs` milliseconds. */
  readonly throttle?: { readonly limit: number; readonly perMs: number };
};

/** Two events in a row of one source with one id are the same event. After another one of that source it is a new one. */
export type EventIdentity = {
  readonly source: string;
  readonly id: string;
  /** Of a schedule: when it was due, epoch milliseconds. One that is not after the workflow's last is no new event. */
  readonly tick?: number;
};

export type Accepted = {
  /** The run that stands for the event: its own, the waiting one that it joined, or the one that it has had before. */
  readonly run: string;
  readonly joined: boolean;
  /** The waiting run that this one replaced. */
  readonly superseded: string | undefined;
  /** The run that waited in its group and that this one has cancelled. */
  readonly cancelled?: string;
  /** Runs that this one cancels and that are running now. */
  readonly cancels?: readonly string[];
  /** Its workflow is paused: the run waits until it is resumed. An event that brings its token was not stored. */
  readonly paused?: true;
  /** When it is claimed already: if it brings its token always, else if `take` was given and its turn has come. */
  readonly claim: Claim | undefined;
};
