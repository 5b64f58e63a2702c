import { setTimeout as wait } from "node:timers/promises";
import type { LimitNews } from "../../model/limits.ts";
import { unchanging } from "../../model/renewable.ts";
import type { News } from "../../model/store.ts";
import { CLIENT_OPTIONS, clientsOf, isRejectedLogin } from "./client.ts";
import { atMost, type Connecting, FAREWELL_MS, type Sql } from "./connect.ts";
import type { Names } from "./names.ts";

/** The news of one process for the others: about runs, or about a pause that GitHub asked for. */
type Told = News & { readonly limits?: LimitNews };

/** News between the processes that share a store, by LISTEN and NOTIFY. */
export type Newsroom = {
  /** Resolves when this process listens. Earlier news was missed. */
  readonly hears: Promise<void>;
  /** Sends news with the transaction, so that news about unstored changes is never sent. */
  tell(sql: Sql, news: Told): void;
  /** The text of the same news, for a statement. */
  written(news: Told): string;
  /** @returns a function that ends it. */
  hear(listener: (news: Told) => void): () => void;
  close(): Promise<void>;
};

/** How many ids fit into a notification: PostgreSQL's limit is 8000 bytes. */
const MOST_IDS = 180;

const RECONNECT_MS = 1000;

/** The interval between checks of the connection, and how long a check waits for its answer, ms. */
const PULSE_MS = 5000;

/** @param self identifies this process's news, which it ignores. */
export function openNewsroom(
  connecting: Connecting,
  { channel }: Names,
  { self, onError }: { self: string; onError: (error: Error) => void },
): Newsroom {
  const { Client, refresh } = clientsOf({ ...(connecting.login ?? unchanging(connecting)), rejected: () => {} });
  const listeners = new Set<(news: Told) => void>();
  const closing = new AbortController();
  const { promise: hears, resolve: heard } = Promise.withResolvers<void>();

  const spread = (news: Told) => {
    for (const listener of listeners) listener(news);
  };

  async function listen(): Promise<void> {
    while (!closing.signal.aborted) {
      try {
        await listenOnce();
      } catch (error) {
        if (!closing.signal.aborted) onError(error as Error);
        if (isRejectedLogin(error)) await refresh();
      }
      await wait(RECONNECT_MS, undefined, { signal: closing.signal }).catch(() => {});
    }
  }

  /** Returns when the connection has ended. */
  async function listenOnce(): Promise<void> {
    const connection = new Client({ ...CLIENT_OPTIONS, query_timeout: PULSE_MS });
    const { promise: lost, reject: lose } = Promise.withResolvers<never>();
    lost.catch(() => {});
    const leave = () => lose(new Error("The connection that listens is closed."));
    closing.signal.addEventListener("abort", leave);
    connection.on("error", lose);
    connection.on("end", () => lose(new Error("The connection that listens has ended.")));
    connection.on("notification", ({ payload = "" }) => {
      const { from, ...news } = parsed(payload);
      if (from !== self) spread(news);
    });
    let pulse: NodeJS.Timeout | undefined;
    try {
      await Promise.race([connection.connect(), lost]);
      await Promise.race([connection.query(`LISTEN ${channel}`), lost]);
      heard();
      spread({ missed: true });
      pulse = setInterval(() => connection.query("SELECT 1").catch(lose), PULSE_MS);
      await lost;
    } finally {
      clearInterval(pulse);
      closing.signal.removeEventListener("abort", leave);
      await atMost(
        FAREWELL_MS,
        connection.end().catch(() => {}),
      );
      // Missing in its types.
      (connection as typeof connection & { unref(): void }).unref();
    }
  }

  const written = (news: Told) => JSON.stringify({ ...news, from: self });
  const listening = listen();
  return {
    hears,
    written,
    tell(sql, { settled = [], cancel = [], ...news }) {
      const parts = [
        ...partsOf(settled).map((ids) => ({ settled: ids })),
        ...partsOf(cancel).map((ids) => ({ cancel: ids })),
      ];
      for (const part of parts.length > 0 ? parts : [{}]) {
        void sql("SELECT pg_notify($1, $2)", [channel, written({ ...news, ...part })]);
      }
    },
    hear(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    async close() {
      closing.abort();
      await listening;
    },
  };
}

function partsOf(ids: readonly string[]): readonly (readonly string[])[] {
  return Array.from({ length: Math.ceil(ids.length / MOST_IDS) }, (_, at) =>
    ids.slice(at * MOST_IDS, (at + 1) * MOST_IDS),
  );
}

/** Any client that may notify can write any text. */
function parsed(payload: string): Told & { from?: string } {
  try {
    return JSON.parse(payload);
  } catch {
    return { missed: true };
  }
}
