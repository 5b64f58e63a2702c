import type { ActionsRunLists } from "../model/actions-runs.ts";
import type { Clock } from "../model/clock.ts";
import { type Failure, isFailure, PermanentFailure } from "../model/failure.ts";
import type { Log } from "../model/log.ts";
import { type RunStore, StoreUnavailable, type WatchedKey } from "../model/store.ts";
import { pump } from "../worker/pump.ts";
import { type Repository, seenRepository } from "./watched-repository.ts";

type Parts = {
  readonly store: Pick<RunStore, "watched" | "turn">;
  /** With the service's credentials; undefined if it has none. */
  readonly lists: ActionsRunLists | undefined;
  readonly wake: (keys: readonly string[]) => Promise<number>;
  readonly clock: Clock;
  readonly log: Log;
};

export type Watch = ReturnType<typeof startWatch>;

/** Interval at which the waiting runs are read from the store. This sends no request. */
const LOOK_EVERY_MS = 15_000;

/** When a repository is listed after a run begins to wait. The run itself has checked twice by then. */
const FIRST_LIST_MS = 5000;

/** A list of the same process may be due slightly earlier by the store's clock than by this process's clock. */
const TURN_SLACK_MS = 5000;

/** Other processes leave a repository to the one that lists it, until it is late by this much. */
const TAKE_OVER_MS = 30_000;

/**
 * A substitute for webhooks that are lost or not set up. While runs wait for Actions runs, it lists the Actions runs
 * once per repository and wakes the runs for which something changed. One process at a time lists a repository. If
 * listing fails, the runs still check themselves, only later.
 */
export function startWatch({ store, lists = WITHOUT_CREDENTIALS, wake, clock, log }: Parts) {
  const repositories = new Map<string, Repository>();
  let stopped = false;
  const rounds = pump(clock, round, (error) => {
    // Trouble with the store is logged elsewhere.
    if (!stopped && !(error instanceof StoreUnavailable))
      log.error({ err: error }, "internal error while watching Actions runs");
    return clock.now() + LOOK_EVERY_MS;
  });
  rounds.wake();

  async function round(): Promise<number> {
    follow(await store.watched());
    const now = clock.monotonic();
    await Promise.all([...repositories.values()].filter(({ dueAt }) => dueAt <= now).map(list));
    const next = [...repositories.values()].map(({ dueAt }) => dueAt - clock.monotonic());
    return clock.now() + Math.max(0, Math.min(LOOK_EVERY_MS, ...next));
  }

  /** Updates the list of waiting runs. */
  function follow(all: readonly WatchedKey[]): void {
    const byRepository = Map.groupBy(all, ({ key }) => key.split(" ")[1] ?? "");
    for (const name of repositories.keys()) if (!byRepository.has(name)) repositories.delete(name);
    const now = clock.monotonic();
    for (const [name, keys] of byRepository) {
      const repository = repositories.get(name) ?? seenRepository(name);
      repositories.set(name, repository);
      if (repository.wait(keys, now)) {
        const soonest = Math.max(now + FIRST_LIST_MS, repository.listedAt + repository.interval(now));
        repository.dueAt = Math.min(repository.dueAt, soonest);
      }
    }
  }

  async function list(repository: Repository): Promise<void> {
    const { name } = repository;
    const every = repository.interval(clock.monotonic());
    const least = repository.isMine === false ? every + TAKE_OVER_MS : every - TURN_SLACK_MS;
    repository.isMine = await store.turn(`watch ${name}`, least);
    if (!repository.isMine) {
      repository.dueAt = clock.monotonic() + every + TAKE_OVER_MS;
      return;
    }
    // Also set if the list fails with an unknown error.
    repository.dueAt = clock.monotonic() + every;
    const keys = await repository
      .list(lists, { now: clock.now(), monotonic: clock.monotonic() })
      .then((found) => report(repository, undefined, found))
      .catch((error) => {
        if (!isFailure(error)) throw error;
        return report(repository, error, []);
      });
    repository.dueAt = clock.monotonic() + repository.interval(clock.monotonic());
    if (keys.length > 0 && !stopped) await wake(keys);
  }

  /** Logs when a repository can no longer be listed, or can again. Returns the keys to wake. */
  function report(repository: Repository, failure: Failure | undefined, found: readonly string[]): readonly string[] {
    const before = repository.failed(failure, clock.monotonic());
    if (before !== failure?.kind && !stopped) {
      const { name } = repository;
      if (failure) log.warn({ repository: name, reason: failure.message }, TROUBLE[failure.kind]);
      else log.info({ repository: name }, "the Actions runs of a repository can be listed again");
    }
    // These runs may have a token that works.
    return failure?.kind === "permanent" ? repository.allKeys() : found;
  }

  return {
    /** Does not wait for requests in progress, because nothing depends on them. */
    stop(): void {
      stopped = true;
      rounds.stop();
    },
    /** Resolves when no round is active. */
    rest: rounds.rest,
  };
}

const rejected = async (repository: string) => {
  throw new PermanentFailure({
    tried: `listing the Actions runs of ${repository}`,
    happened: "the service has no token, and only the attempts of a run may use its token",
    remedy: "Set GITHUB_TOKEN or a GitHub App, or send the workflow_run events of the repository to the webhook.",
  });
};
const WITHOUT_CREDENTIALS: ActionsRunLists = { listNewest: rejected, listCompleted: rejected };

const TROUBLE: Readonly<Record<Failure["kind"], string>> = {
  permanent: "the Actions runs of a repository cannot be listed: runs that wait for them check every 5 minutes",
  transient: "the Actions runs of a repository cannot be listed at the moment: runs that wait for them are woken later",
  limit:
    "the Actions runs of a repository are not listed because of a rate limit: runs that wait for them are woken later",
};
