import { promises } from "node:fs";
import type { Clock } from "../model/clock.ts";
import type { Log } from "../model/log.ts";
import type { Renewable } from "../model/renewable.ts";
import type { Secrets } from "../model/secrets.ts";
import { type Config, rereadConfig } from "./config/config.ts";
import type { Wrong } from "./config/setting.ts";

/** Interval at which the secret files are checked, ms. Kubernetes takes up to a minute to deliver a new secret. */
const LOOK_EVERY_MS = 5000;

/** A changed file is read when it was stable for this time, ms, because a program may still be writing it. */
const SETTLED_MS = 50;

/** How many times to wait for that. After that, the next check reads it. */
const MOST_SETTLING = 20;

/** Requested checks are at least this far apart, ms, even if many wrong credentials arrive. */
const APART_MS = 100;

/** Replaced values are still hidden in the log: the latest ones, up to this number. */
const MOST_REPLACED = 1000;

/** The current settings. Only this reads secrets again when their files change. */
export type LiveConfig = Renewable<Config> & {
  /**
   * Secrets with an invalid file, or with a value that was rejected where it was used. Their previous value is in use.
   */
  rejected(): readonly Wrong[];
  /** Notes that a secret was rejected where it was used, and why. Without a reason, it works again. */
  rejectedInUse(name: string, reason: string | undefined): void;
  close(): void;
};

type Parts = {
  readonly clock: Clock;
  readonly wait: (milliseconds: number) => Promise<void>;
  readonly secrets: Pick<Secrets, "guard" | "scrub">;
  readonly log: Log;
  /**
   * Gives the new secrets to everything that uses them. Called when a file changed.
   * @returns the problems with variables of workflows.
   */
  readonly apply: (config: Config) => Promise<readonly Wrong[]>;
  /** Called after `apply` with the names of the replaced secrets. */
  readonly replaced: (names: readonly string[]) => void;
};

/** Checks the files every five seconds, and on request. Does nothing if there are no files. */
export function openLiveConfig(config: Config, { clock, wait, secrets, log, apply, replaced }: Parts): LiveConfig {
  let current = config;
  let rejected: readonly Wrong[] = [];
  let inUse: readonly Wrong[] = [];
  /**
   * The state of the files at the last read. Undefined at first, because the start read them without noting their
   * state.
   */
  let seen: string | undefined;
  const texts = new Map(textsOf(config));
  const hidden: (() => void)[] = [];

  async function look(): Promise<void> {
    for (let tries = 0; tries < MOST_SETTLING; tries++) {
      const stamps = await stampsOf(current);
      if (stamps === seen) return;
      await wait(SETTLED_MS);
      if ((await stampsOf(current)) !== stamps) continue;
      const found = rereadConfig(current);
      // Files that are replaced together are applied together.
      if ((await stampsOf(current)) !== stamps) continue;
      seen = stamps;
      await take(found);
      return;
    }
  }

  async function take({ config: next, wrong: wrongSettings }: ReturnType<typeof rereadConfig>): Promise<void> {
    for (const each of next.secrets) if (!current.secrets.includes(each)) hidden.push(secrets.guard(each));
    for (const show of hidden.splice(0, hidden.length - MOST_REPLACED)) show();
    const wrong = [...wrongSettings, ...(await apply(next))].filter(
      ({ name }, at, all) => all.findIndex((each) => each.name === name) === at,
    );
    const { files } = current.source.reader;
    current = next;
    const isWrong = new Set(wrong.map(({ name }) => name));
    const names: string[] = [];
    for (const [name, text] of textsOf(next)) {
      // A workflow that was loaded since may have added a file.
      if (isWrong.has(name)) continue;
      const isNew = (texts.get(name) ?? files.get(name)?.text) !== text;
      texts.set(name, text);
      if (isNew) names.push(name);
    }
    report(wrong.map(({ name, reason }) => ({ name, reason: secrets.scrub(reason) })));
    if (names.length === 0) return;
    log.info({ names }, "secrets were reloaded: the new values are in use");
    replaced(names);
  }

  function report(wrong: readonly Wrong[]): void {
    const before = new Map(rejected.map(({ name, reason }) => [name, reason]));
    for (const { name, reason } of wrong)
      if (before.get(name) !== reason)
        log.warn({ name, reason }, "a secret cannot be reloaded: the previous value stays in use");
    rejected = wrong;
  }

  const looks = oneAtATime(look, {
    apart: async (since) => {
      const leftMs = since + APART_MS - clock.monotonic();
      if (leftMs > 0) await wait(leftMs);
    },
    now: clock.monotonic,
  });
  let isClosed = false;
  const refresh = async () => {
    if (isClosed || current.source.reader.files.size === 0) return;
    cancel ??= lookAgain();
    await looks().catch((err) => log.error({ err }, "the files of secrets cannot be reloaded"));
  };

  let cancel: (() => void) | undefined;
  const lookAgain = () =>
    clock.alarm(clock.now() + LOOK_EVERY_MS, () => {
      cancel = undefined;
      void refresh();
    });
  if (current.source.reader.files.size > 0) cancel = lookAgain();

  return {
    now: () => current,
    refresh,
    rejected: () => [...rejected, ...inUse],
    rejectedInUse(name, reason) {
      inUse = reason === undefined ? [] : [{ name, reason: secrets.scrub(reason) }];
    },
    close() {
      isClosed = true;
      cancel?.();
    },
  };
}

function textsOf({ source }: Config): readonly (readonly [name: string, text: string])[] {
  return [...source.reader.files].flatMap(([name, { text }]) => (text === undefined ? [] : [[name, text] as const]));
}

/**
 * Changes when any of the files is replaced or rewritten. Follows links, because Kubernetes replaces the link to a
 * folder.
 */
async function stampsOf({ source }: Config): Promise<string> {
  const stamps = [...source.reader.files.values()].map(async ({ path }) => {
    try {
      const { dev, ino, size, mtimeNs, ctimeNs } = await promises.stat(path, { bigint: true });
      return `${dev} ${ino} ${size} ${mtimeNs} ${ctimeNs}`;
    } catch (error) {
      return String((error as NodeJS.ErrnoException).code);
    }
  });
  return (await Promise.all(stamps)).join("\n");
}

/** Everyone who asks during a run of `work` waits for the next one, which begins after they asked. */
function oneAtATime(
  work: () => Promise<void>,
  { apart, now }: { apart: (since: number) => Promise<void>; now: () => number },
): () => Promise<void> {
  let begunAt = Number.NEGATIVE_INFINITY;
  let running: Promise<void> = Promise.resolve();
  let next: Promise<void> | undefined;
  return () => {
    next ??= running = running
      .catch(() => {})
      .then(() => apart(begunAt))
      .then(() => {
        next = undefined;
        begunAt = now();
        return work();
      });
    return next;
  };
}
