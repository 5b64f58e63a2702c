import type { RunFilter } from "./history.ts";
import type { RejectedKind } from "./overview.ts";

/**
 * An event that came from where it says, and started no run. Never holds a body or a token.
 * All times are epoch milliseconds.
 */
export type IgnoredEvent = {
  readonly at: number;
  readonly source: "github" | "flux" | "http";
  /** `pull_request.opened`; of Flux kind and reason, `Kustomization.ReconciliationSucceeded`; of a request its path. */
  readonly event: string;
  /** `owner/name`. */
  readonly repository?: string | undefined;
  /** Of the pull request, or of the issue. */
  readonly number?: number | undefined;
  /** The application, or Flux's object: `apps/pr-1234`. */
  readonly subject?: string | undefined;
  /** Who caused it, as GitHub names them. */
  readonly sender?: string | undefined;
  /** A branch or tag; of Flux the revision. */
  readonly ref?: string | undefined;
  /** Full hash of the commit. */
  readonly sha?: string | undefined;
  /** GitHub's id of the delivery. */
  readonly delivery?: string | undefined;
  /** So many runs waited for it and looked again. */
  readonly woken: number;
  /** What became of it, in a sentence. */
  readonly answer: string;
  /** Why each workflow does not want it: those that are for this event first. */
  readonly reasons: readonly Unwanted[];
};

export type Unwanted = {
  readonly workflow: string;
  /** Continues the name of the workflow: `wants opened, this is closed`. */
  readonly reason: string;
};

/** From where valid events came: a repository's webhooks, or requests to a path. */
export type Source = {
  readonly kind: IgnoredEvent["source"];
  /** `owner/name` in lower case, or the path; an event of an organisation has `owner`. */
  readonly name: string;
  /** Whose credential it was: `token argocd`; empty where one secret is for all. */
  readonly actor: string;
};

export type Heard = Source & { readonly firstAt: number; readonly lastAt: number; readonly times: number };

/**
 * Which events are looked for, in the words of a search for runs. The group is the application, or the name of Flux's object;
 * the workflow is one that did not want it; `by` is how the sender's name begins. An event has no status.
 */
export type EventFilter = Omit<RunFilter, "id" | "status">;

export type EventPage = { readonly events: readonly IgnoredEvent[]; readonly next: string | undefined };

/** Events that started no run, and rejected requests, that a search finds. `problems`: it cannot be understood. */
export type FoundEvents = EventPage & {
  readonly rejected: readonly RejectedKind[];
  readonly problems: readonly string[];
};

/** How many events are kept; the oldest are deleted. */
export const MAX_IGNORED = 5000;

/** How many sources are kept; those that were silent for longest are deleted. */
export const MAX_SOURCES = 1000;

/** What a store keeps of events that started no run, and of who was heard. */
export type EventNotes = {
  /**
   * Adds all of this in one transaction, without waiting for the disk.
   * @param since when the process began to note events. The first that a store is given stays.
   */
  note(notes: {
    readonly ignored: readonly IgnoredEvent[];
    readonly heard: readonly Heard[];
    readonly since: number;
  }): Promise<void>;
  /** Newest first; `cursor` is the `next` of an earlier page. */
  ignored(filter: EventFilter, page: { limit: number; cursor?: string | undefined }): Promise<EventPage>;
  /** Who was heard, the latest first, and since when that is noted; undefined: nothing was noted yet. */
  heard(): Promise<{ readonly since: number | undefined; readonly sources: readonly Heard[] }>;
};
