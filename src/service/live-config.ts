import { promises } from "node:fs";
import type { Clock } from "../model/clock.ts";
import type { Log } from "../model/log.ts";
import type { Renewable } from "../model/renewable.ts";
import type { Secrets } from "../model/secrets.ts";
import { type Config, rereadConfig } from "./config/config.ts";
import type { Wrong } from "./config/setting.ts";

/** How often the files of secrets are looked at, ms. Kubernetes itself takes up to a minute to bring a new secret. */
const LOOK_EVERY_MS = 5000;

/** A file that has changed is read when it has stayed the same for so long, ms: what writes it in place may not be done. */
const SETTLED_MS = 50;

/** How often it is waited for that; then it is read at the next look. */
const MOST_SETTLING = 20;

/** Looks that are asked for are not closer together than this, ms, however many wrong credentials are brought. */
const APART_MS = 100;

/** Values that were replaced stay out of the log: up to so many, the latest. */
const MOST_REPLACED = 1000;

/** The settings as they are now: the one place that reads secrets again when their files change. */
export type LiveConfig = Renewable<Config> & {
  /** Secrets whose files hold what cannot be used, or what is refused where it is used, so that the previous value is in use. */
  rejected(): readonly Wrong[];
  /** Takes what is refused where it is used, and why; without a reason it is not any more. */
  refused(name: string, reason: string | undefined): void;
  close(): void;
};

type Parts = {
  readonly clock: Clock;
  readonly wait: (milliseconds: number) => Promise<void>;
  readonly secrets: Pick<Secrets, "guard" | "scrub">;
  readonly log: Log;
  /**
   * Gives all who use secrets what they are now. Called when a file has changed.
   * @returns what cannot be used of the variables of workflows.
   */
  readonly apply: (config: Config) => Promise<readonly Wrong[]>;
  /** Called after that with the names of the secrets that were replaced. */
  readonly replaced: (names: readonly string[]) => void;
};

/** Looks at the files every five seconds, and whenever it is asked to. Without any there is nothing to look at. */
export function openLiveConfig(config: Config, { clock, wait, secrets, log, apply, replaced }: Parts): LiveConfig {
  let current = config;
  let rejected: readonly Wrong[] = [];
  let refused: readonly Wrong[] = [];
  /** Of the files when they were last read. They were read before they were looked at, so the first look reads them again. */
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
      // Several that are replaced together are taken together.
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
      // A workflow that was loaded since may have brought one.
      if (isWrong.has(name)) continue;
      const isNew = (texts.get(name) ?? files.get(name)?.text) !== text;
      texts.set(name, text);
      if (isNew) names.push(name);
    }
    report(wrong.map(({ name, reason }) => ({ name, reason: secrets.scrub(reason) })));
    if (names.length === 0) return;
    log.info({ names }, "secrets were read again, and the new values are in use");
    replaced(names);
  }

  function report(wrong: readonly Wrong[]): void {
    const before = new Map(rejected.map(({ name, reason }) => [name, reason]));
    for (const { name, reason } of wrong)
      if (before.get(name) !== reason)
        log.warn({ name, reason }, "a secret cannot be read again: the previous value stays in use");
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
    await looks().catch((err) => log.error({ err }, "the files of secrets cannot be read again"));
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
    rejected: () => [...rejected, ...refused],
    refused(name, reason) {
      refused = reason === undefined ? [] : [{ name, reason: secrets.scrub(reason) }];
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

/** Differs when any of the files is another one, or holds anything else. Links are followed: Kubernetes replaces a folder's. */
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

/** All who ask while it is done wait for the one that begins after they asked. */
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
