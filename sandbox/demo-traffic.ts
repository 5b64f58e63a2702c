import { setTimeout as wait } from "node:timers/promises";
import type { StandInGitHub } from "./github.ts";

/** How long GitHub asks for a pause, s. A caller who waits for its answer waits longer. */
const LIMIT_SECONDS = 8;
const BETWEEN_EVENTS_MS = 5000;

/** Tests take 8 to 20 seconds, and every fourth fails in one of its jobs. */
export function scriptTests(github: StandInGitHub): void {
  let started = 0;
  github.actions.script(() => {
    const isGood = ++started % 4 !== 0;
    const browser = { name: "Browser tests", conclusion: isGood ? "success" : "failure" };
    return {
      appearsAfterMs: 1500,
      startsAfterMs: 2000,
      takesMs: 5000 + ((started * 5) % 13) * 1000,
      conclusion: isGood ? "success" : "failure",
      jobs: [{ name: "Smoke tests", conclusion: "success" }, browser],
    };
  });
}

/**
 * Sends events, one every few seconds, until the signal: most of them good, some without a values file, some that are
 * skipped, some rejected. Sometimes GitHub answers slowly, has a fault, or sets a limit.
 */
export async function sendTraffic(
  url: string,
  github: StandInGitHub,
  applications: readonly string[],
  stopped: AbortSignal,
): Promise<void> {
  const some = (at: number) => applications[at % applications.length] ?? "pr-1234";
  const post = (body: string) => fetch(`${url}/dispatch`, { method: "POST", body, signal: stopped });
  const send = (application: string) => post(JSON.stringify({ application }));
  const dispatching = { route: "POST /repos/{owner}/{repo}/dispatches" };
  const acts: readonly ((at: number) => Promise<unknown>)[] = [
    (at) => send(some(at)),
    (at) => send(some(at + 1)),
    () => send("monitoring"),
    (at) => {
      github.fault({ ...dispatching, times: 1 }, { kind: "delay", ms: 2500 });
      return Promise.all([send(some(at)), wait(300).then(() => send(some(at + 1)))]);
    },
    () => send("pr-9999"),
    (at) => send(some(at + 2)),
    () => post(JSON.stringify({ app: "pr-1234" })),
    (at) => {
      github.fault({ ...dispatching, times: 3 }, { kind: "status", status: 502 });
      return send(some(at));
    },
    (at) => {
      github.fault({ times: 1 }, { kind: "limit", secondary: true, retryAfterSeconds: LIMIT_SECONDS });
      return Promise.all(applications.map((_, of) => send(some(at + of))));
    },
    () => fetch(`${url}/dispatch`, { signal: stopped }),
  ];
  for (let at = 0; !stopped.aborted; at++) {
    // The next event does not wait for this answer.
    acts[at % acts.length]?.(at).catch(() => {});
    await wait(BETWEEN_EVENTS_MS, undefined, { signal: stopped }).catch(() => {});
  }
}
