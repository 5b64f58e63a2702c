import type { RunFilter } from "./history.ts";
import type { RejectedKind } from "./overview.ts";

/** A verified event that started no run. Never contains a body or a token. All times are epoch milliseconds. */
export type IgnoredEvent = {
  readonly at: number;
  readonly source: "github" | "flux" | "http";
  /**
   * `pull_request.opened`; for Flux, kind and reason, `Kustomization.ReconciliationSucceeded`; for a request, its path.
   */
  readonly event: string;
  /** `owner/name`. */
  readonly repository?: string | undefined;
  /** The number of the pull request or issue. */
  readonly number?: number | undefined;
  /** The application, or Flux's object: `apps/pr-1234`. */
  readonly subject?: string | undefined;
  /** Who caused it, as GitHub names them. */
  readonly sender?: string | undefined;
  /** A branch or tag; for Flux, the revision. */
  readonly ref?: string | undefined;
  /** The full hash of the commit. */
  readonly sha?: string | undefined;
  /** GitHub's id of the delivery. */
  readonly delivery?: string | undefined;
  /** How many runs waited for it and looked again. */
  readonly woken: number;
  /** The outcome, in a sentence. */
  readonly answer: string;
  /** Why each workflow ignored it. Workflows for this kind of event come first. */
  readonly reasons: readonly Unwanted[];
};

export type Unwanted = {
  readonly workflow: string;
  /** Continues the name of the workflow: `wants opened, this is closed`. */
  readonly reason: string;
};

/** Where valid events came from: a repository's webhooks, or requests to a path. */
export type Source = {
  readonly kind: IgnoredEvent["source"];
  /** `owner/name` in lower case, or the path; `owner` for an event of an organisation. */
  readonly name: string;
  /** Whose credential it was: `token argocd`. Empty if all senders share one secret. */
  readonly actor: string;
};

export type Heard = Source & { readonly firstAt: number; readonly lastAt: number; readonly times: number };

/**
 * Which events to find, in the terms of a search for runs. The group is the application, or the name of Flux's object.
 * The workflow is one that ignored the event. `by` is the beginning of the sender's name. An event has no status.
 */
export type EventFilter = Omit<RunFilter, "id" | "status">;

export type EventPage = { readonly events: readonly IgnoredEvent[]; readonly next: string | undefined };

/**
 * The events that started no run, and the rejected requests, that a search finds. `problems`: why the search is not
 * valid.
 */
export type FoundEvents = EventPage & {
  readonly rejected: readonly RejectedKind[];
  readonly problems: readonly string[];
};

/** How many events are kept; the oldest are deleted. */
export const MAX_IGNORED = 5000;

/** How many sources are kept; those with no event for the longest time are deleted. */
export const MAX_SOURCES = 1000;

/** The store's notes about events that started no run, and about the senders of events. */
export type EventNotes = {
  /**
   * Adds all of this in one transaction, without waiting for the disk.
   * @param since when the process began to note events. The store keeps the first value.
   */
  note(notes: {
    readonly ignored: readonly IgnoredEvent[];
    readonly heard: readonly Heard[];
    readonly since: number;
  }): Promise<void>;
  /** Newest first; `cursor` is the `next` of an earlier page. */
  ignored(filter: EventFilter, page: { limit: number; cursor?: string | undefined }): Promise<EventPage>;
  /** The senders of events, the latest first, and since when they are noted; undefined: nothing was noted yet. */
  heard(): Promise<{ readonly since: number | undefined; readonly sources: readonly Heard[] }>;
};
