import type { Context } from "hono";
import { streamSSE } from "hono/streaming";
import { type Clock, pause } from "../model/clock.ts";

export type Live = ReturnType<typeof livePages>;

const LOOK_EVERY_MS = 1000;

/** Proxies and browsers close a silent stream. */
const SIGN_OF_LIFE_MS = 20_000;

/** Each stream costs a socket and a timer. After a 503 `EventSource` does not retry; the page's script does, after 10 s. */
const MAX_STREAMS = 100;

type Listener = { readonly viewer: string; tell(revision: string): void; end(): void };

/**
 * Sends the current revision to open pages.
 * @param revision is called while a page is open. A new value is sent to all pages.
 */
export function livePages(revision: () => Promise<string>, clock: Clock) {
  const listeners = new Set<Listener>();
  let told: string | undefined;
  let closed = false;
  let cancel = () => {};

  function lookAgain(): void {
    cancel();
    cancel = clock.alarm(clock.now() + LOOK_EVERY_MS, () => {
      void look().then(() => {
        if (listeners.size > 0 && !closed) lookAgain();
      });
    });
  }

  async function look(): Promise<void> {
    const current = await revision().catch(() => told);
    if (current === undefined || current === told) return;
    told = current;
    for (const { tell } of listeners) tell(current);
  }

  function join(listener: Listener): void {
    listeners.add(listener);
    told = undefined;
    void look();
    lookAgain();
  }

  /** @returns whether there is room for another stream of this viewer. */
  function makeRoom(viewer: string): boolean {
    if (listeners.size < MAX_STREAMS) return true;
    const groups = [...Map.groupBy(listeners, (each) => each.viewer).values()];
    const most = groups.reduce((a, b) => (b.length > a.length ? b : a), []);
    const theirs = groups.find(([first]) => first?.viewer === viewer)?.length ?? 0;
    const [oldest] = most;
    if (oldest === undefined || theirs + 1 >= most.length) return false;
    drop(oldest);
    return true;
  }

  function drop(listener: Listener): void {
    listeners.delete(listener);
    listener.end();
  }

  return {
    /**
     * Answers with server-sent events. Each event is the current revision. When too many pages are open, the oldest page of the
     * viewer with the most pages is closed. If the new page is that viewer's, it gets 503 instead.
     * @param viewer identifies the viewer: the session, the credential or the address.
     * @param mayStill whether the viewer still has access: a stream ends soon after its session.
     */
    stream(c: Context, viewer: string, mayStill: () => Promise<boolean>): Response {
      if (closed || !makeRoom(viewer)) return c.body(null, 503, { "retry-after": "30" });
      // Otherwise proxies such as nginx hold the events until a buffer is full.
      c.header("x-accel-buffering", "no");
      return streamSSE(c, async (stream) => {
        const ended = new AbortController();
        const end = () => ended.abort();
        const send = (text: string) => void stream.write(text).catch(end);
        const listener: Listener = { viewer, tell: (current) => send(`data: ${current}\n\n`), end };
        stream.onAbort(end);
        join(listener);
        for (;;) {
          await pause(clock, SIGN_OF_LIFE_MS, ended.signal);
          if (ended.signal.aborted || !(await mayStill().catch(() => true))) break;
          send(": still here\n\n");
        }
        listeners.delete(listener);
      });
    },
    /** Ends up to `most` streams, the oldest first. Their pages connect again. @returns how many it ended. */
    letGo(most: number): number {
      const oldest = [...listeners.values().take(most)];
      oldest.forEach(drop);
      return oldest.length;
    },
    /** Ends all streams and accepts no new ones. */
    close(): void {
      closed = true;
      cancel();
      for (const { end } of listeners) end();
    },
  };
}
