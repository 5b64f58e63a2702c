import { setTimeout as wait } from "node:timers/promises";
import pg from "pg";
import type { LimitNews } from "../../model/limits.ts";
import type { News } from "../../model/store.ts";
import { type Connecting, clientOptions, type Sql } from "./connect.ts";
import type { Names } from "./names.ts";

/** What one process tells the others: of runs, or of a pause that GitHub has asked for. */
type Told = News & { readonly limits?: LimitNews };

/** What the processes that share a store tell each other, by LISTEN and NOTIFY. */
export type Newsroom = {
  /** Resolves when it hears; what came before was missed. */
  readonly hears: Promise<void>;
  /** Told with the transaction: nobody hears of what was not stored. */
  tell(sql: Sql, news: Told): void;
  /** @returns how to end it. */
  hear(listener: (news: Told) => void): () => void;
  close(): Promise<void>;
};

/** PostgreSQL's limit is 8000 bytes. */
const MOST_IDS = 180;

const RECONNECT_MS = 1000;

/** A connection that was lost in silence is noticed after so long, ms. */
const PULSE_MS = 5000;

/**
 * @param own tells this process's news from the others', which alone are heard.
 */
export function openNewsroom(
  connecting: Connecting,
  { channel }: Names,
  { own, onError }: { own: string; onError: (error: Error) => void },
): Newsroom {
  const listeners = new Set<(news: Told) => void>();
  const closing = new AbortController();
  const { promise: hears, resolve: heard } = Promise.withResolvers<void>();
  let client: pg.Client | undefined;

  const spread = (news: Told) => {
    for (const listener of listeners) listener(news);
  };

  async function listen(): Promise<void> {
    while (!closing.signal.aborted) {
      try {
        await listenOnce();
      } catch (error) {
        if (!closing.signal.aborted) onError(error as Error);
      }
      await wait(RECONNECT_MS, undefined, { signal: closing.signal }).catch(() => {});
    }
  }

  /** Returns when the connection has ended. */
  async function listenOnce(): Promise<void> {
    const connection = new pg.Client({ ...clientOptions(connecting), query_timeout: PULSE_MS });
    client = connection;
    const lost = new Promise<never>((_, reject) => {
      connection.on("error", reject);
      connection.on("end", () => reject(new Error("The connection that listens has ended.")));
    });
    lost.catch(() => {});
    connection.on("notification", ({ payload = "" }) => {
      const { from, ...news } = JSON.parse(payload) as Told & { from: string };
      if (from !== own) spread(news);
    });
    try {
      await Promise.race([connection.connect(), lost]);
      await Promise.race([connection.query(`LISTEN ${channel}`), lost]);
      heard();
      spread({ missed: true });
      for (;;) {
        await Promise.race([wait(PULSE_MS, undefined, { signal: closing.signal }), lost]);
        await Promise.race([connection.query("SELECT 1"), lost]);
      }
    } finally {
      connection.end().catch(() => {});
    }
  }

  const listening = listen();
  return {
    hears,
    tell(sql, news) {
      const ids = news.settled ?? [];
      for (let at = 0; at === 0 || at < ids.length; at += MOST_IDS) {
        const part = ids.length > 0 ? { ...news, settled: ids.slice(at, at + MOST_IDS) } : news;
        void sql("SELECT pg_notify($1, $2)", [channel, JSON.stringify({ ...part, from: own })]);
      }
    },
    hear(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    async close() {
      closing.abort();
      await client?.end().catch(() => {});
      await listening;
    },
  };
}
