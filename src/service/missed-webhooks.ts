import { setTimeout as wait } from "node:timers/promises";
import type { NotedEvents } from "../http/noted-events.ts";
import { pause } from "../model/clock.ts";
import { isFailure } from "../model/failure.ts";
import { gitHubEntries } from "../model/triggers.ts";
import type { Config } from "./config/config.ts";
import type { Engine } from "./engine.ts";
import type { Ground } from "./ground.ts";
import { openSource, type Patiently } from "./webhook-source.ts";

/** Interval at which one of the processes reads GitHub's log, ms. */
const EVERY_MS = 5 * 60_000;

/** A start reads it immediately, unless a process is reading it or began within this time, ms. */
const AT_START_MS = 15_000;

/** A process that reads for long renews its turn this often, so that no other process begins, ms. */
const STILL_READING_MS = 5000;

/**
 * One request at a time, at most one per this time, ms. This leaves runs more than half of GitHub's 900 points per
 * minute.
 */
const PACE_MS = 150;

/** The longest wait for a limit, ms. A round that would wait longer ends, and the next one continues. */
const PATIENCE_MS = 60_000;

/** The owners whose webhooks may send to the service, and whether a setting names them. */
export function webhookOwners({ github, workflows }: Pick<Config, "github" | "workflows">) {
  const owners = github.webhookOf ?? [...(github.app ? ["app"] : []), workflows.targetRepo];
  return { owners, isNamed: github.webhookOf !== undefined };
}

const TURN = "missed webhooks";

/**
 * Accepts webhooks that GitHub sent and the service did not answer: immediately, and every five minutes until it
 * is stopped. One replica does this at a time. Does nothing without a webhook secret and a workflow with the trigger
 * `github`.
 */
export function startMissedWebhooks(
  ground: Ground,
  engine: Engine,
  ignored: NotedEvents["ignored"],
): () => Promise<void> {
  const { config, options, loaded, log, clock } = ground;
  const { owners, isNamed } = webhookOwners(config);
  const isWanted = loaded.current.workflows.some(({ on }) => gitHubEntries(on).length > 0);
  const isOn = config.auth.webhookSecrets.length > 0 && owners.length > 0 && isWanted && !options.onlyLocal;
  if (!isOn) return async () => {};

  const stopping = new AbortController();
  const patiently = askingPatiently(ground, engine, stopping.signal);
  const sources = owners.map((owner) => openSource(owner, { ground, engine, isNamed, patiently, ignored }));
  let cancel = () => {};
  let everyMs = AT_START_MS;

  async function look(): Promise<void> {
    // Without the store, nothing could be accepted.
    const isMine = await engine.store.turn(TURN, everyMs).catch(() => false);
    if (isMine) {
      everyMs = EVERY_MS;
      for (const source of sources) if (await source.look(stopping.signal)) everyMs = AT_START_MS;
      log.debug({ next_s: everyMs / 1000 }, "looked for webhook deliveries that were missed");
    }
    if (!stopping.signal.aborted) cancel = clock.alarm(clock.now() + everyMs, begin);
  }

  let looking = Promise.resolve();
  const begin = () => {
    looking = look();
  };
  begin();
  return async () => {
    stopping.abort();
    cancel();
    await looking;
  };
}

/**
 * Sends one request at a time, with pauses, and waits for limits that end soon. Shows the other replicas that it is
 * active. Rejects immediately when it is stopped.
 */
function askingPatiently({ clock, options }: Ground, { store }: Engine, signal: AbortSignal): Patiently {
  let turnAt = clock.monotonic();
  let askedAt = Number.NEGATIVE_INFINITY;
  return async (ask) => {
    for (;;) {
      signal.throwIfAborted();
      if (clock.monotonic() - turnAt > STILL_READING_MS) {
        turnAt = clock.monotonic();
        await store.turn(TURN, STILL_READING_MS / 2);
      }
      const early = askedAt + PACE_MS - clock.monotonic();
      if (early > 0) await (options.wait ?? wait)(early);
      askedAt = clock.monotonic();
      try {
        return await unless(signal, ask());
      } catch (error) {
        const waitMs = isFailure(error) && error.kind === "limit" ? error.notBefore - clock.now() : undefined;
        if (waitMs === undefined || waitMs > PATIENCE_MS) throw error;
        await pause(clock, waitMs, signal);
      }
    }
  };
}

/** Like `work`, but rejects as soon as the signal is aborted. */
function unless<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const abort = () => reject(signal.reason);
  signal.addEventListener("abort", abort);
  return Promise.race([work, aborted]).finally(() => signal.removeEventListener("abort", abort));
}
