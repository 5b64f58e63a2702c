import type { Claim } from "./claim.ts";
import type { Json, Trigger } from "./run.ts";
import type { Who } from "./who.ts";

/** An event that becomes a run. */
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
  /** More about the person who started it, for the audit log. */
  readonly by?: Who | undefined;
  readonly rerunOf?: string | undefined;
  readonly order?: Order | undefined;
  /** Identifies the event, if its sender may deliver it more than once. */
  readonly event?: EventIdentity | undefined;
  /** Stored as running, outside its concurrency group, because no other process could execute it. */
  readonly ownToken: boolean;
  /** See `Run`. */
  readonly trace?: string | undefined;
};

/** The order of a workflow's runs. Without it, each group has one queued run, the newest. */
export type Order = {
  /** `all`: every event of a group runs, in order of acceptance. */
  readonly queue?: "latest" | "all";
  /** A newer event of a group cancels the group's running or waiting run. */
  readonly cancelRunning?: boolean;
  /** The workflow has a `cancelled`, which is called for such runs. */
  readonly hasHandler?: boolean;
  /** A run is due when its group has had no newer event for this long, ms. */
  readonly debounceMs?: number;
  /** Up to `limit` runs of a group, or of a workflow without groups, start within `perMs` milliseconds. */
  readonly throttle?: { readonly limit: number; readonly perMs: number };
};

/**
 * Two consecutive events of one source with the same id are the same event. After another event of that source, the id
 * is new again.
 */
export type EventIdentity = {
  readonly source: string;
  readonly id: string;
  /**
   * For a schedule: when it was due, epoch milliseconds. A tick that is not after the workflow's last one is not a new
   * event.
   */
  readonly tick?: number;
};

export type Accepted = {
  /** The event's run: a new one, the waiting one that it joined, or the one from an earlier delivery. */
  readonly run: string;
  readonly joined: boolean;
  /** The waiting run that this one replaced. */
  readonly superseded: string | undefined;
  /** The waiting run of its group that this one cancelled. */
  readonly cancelled?: string;
  /** The running runs that this one cancels. */
  readonly cancels?: readonly string[];
  /** Its workflow is paused, so the run waits until it is resumed. An event that brings its token was not stored. */
  readonly paused?: true;
  /**
   * Set if the run is already claimed: always if it brings its token, otherwise if `take` was given and the run may
   * start.
   */
  readonly claim: Claim | undefined;
};
