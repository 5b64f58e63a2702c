import type { Clock } from "../model/clock.ts";
import type { Observer } from "../model/observer.ts";
import type { Outage } from "../model/outage.ts";
import { bounded, type Instruments } from "./instruments.ts";

/** The gates between the service and GitHub, one per account. */
export type Gates = { all(): ReadonlyMap<string, { state(): GateState }> };

type GateState = {
  readonly inFlight: number;
  readonly waiting: number;
  /** Epoch milliseconds. */
  readonly pausedUntil: number | undefined;
  readonly quota: { readonly limit: number; readonly remaining: number } | undefined;
  /** Epoch milliseconds. */
  readonly tokenExpiresAt: number | undefined;
};

const MAX_ROUTES = 60;
const MAX_ACCOUNTS = 50;

/** A request times out after 15 s. */
const BUCKETS = [0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15];

/** Gauges per gate: name, help, and value. */
const OF_GATES: readonly (readonly [string, string, (state: GateState, now: number) => number | undefined])[] = [
  [
    "gh_runner_github_pause_remaining_seconds",
    "Seconds until the pause that GitHub asked for ends; 0 without a pause.",
    ({ pausedUntil }, now) => Math.max(0, (pausedUntil ?? 0) - now) / 1000,
  ],
  [
    "gh_runner_github_quota_remaining",
    "Requests left in GitHub's hourly quota, as GitHub last reported.",
    ({ quota }) => quota?.remaining,
  ],
  ["gh_runner_github_quota_limit", "Requests that GitHub allows per hour.", ({ quota }) => quota?.limit],
  [
    "gh_runner_github_token_expires_timestamp_seconds",
    "When the token expires, as GitHub last reported. Absent for a token that does not expire, and for an App, whose tokens are renewed.",
    ({ tokenExpiresAt }) => tokenExpiresAt && tokenExpiresAt / 1000,
  ],
  ["gh_runner_github_requests_in_flight", "Requests that GitHub has not answered.", ({ inFlight }) => inFlight],
  [
    "gh_runner_github_requests_waiting",
    "Requests that wait a moment because of GitHub's limits.",
    ({ waiting }) => waiting,
  ],
];

/** Leaves out tokens that come with requests, because any caller can bring one. */
const isService = (account: string) => !account.startsWith("token ");

/** Metrics of requests to GitHub, and of its limits. */
export function gitHubMetrics({ counter, gauge, histogram }: Instruments, clock: Clock) {
  const requests = histogram(
    "gh_runner_github_request_duration_seconds",
    "Requests to GitHub, by route and status; status none: no answer.",
    ["route", "status"],
    BUCKETS,
  );
  const routes = bounded(MAX_ROUTES);
  const accounts = bounded(MAX_ACCOUNTS);
  const pauses = new Map<string, { announcedMs: number; until: number }>();

  const request: Observer["request"] = async (route, send) => {
    const started = performance.now();
    let status = "none";
    try {
      const answer = await send();
      status = String(answer.status);
      return answer;
    } finally {
      requests.observe({ route: routes(route), status }, (performance.now() - started) / 1000);
    }
  };

  /** Pauses that overlap count once. */
  function paused(name: string, until: number): void {
    if (!isService(name)) return;
    const account = accounts(name);
    const now = clock.now();
    const known = pauses.get(account) ?? { announcedMs: 0, until: now };
    const from = Math.max(now, known.until);
    if (until > from) pauses.set(account, { announcedMs: known.announcedMs + until - from, until });
  }

  function readGates(gates: Gates): void {
    const help = "How long GitHub's limits have paused the account.";
    counter("gh_runner_github_paused_seconds_total", help, ["account"], (seconds) => {
      seconds.reset();
      for (const name of gates.all().keys()) if (isService(name)) seconds.inc({ account: accounts(name) }, 0);
      for (const [account, { announcedMs, until }] of pauses) {
        seconds.inc({ account }, (announcedMs - Math.max(0, until - clock.now())) / 1000);
      }
    });
    for (const [name, help, read] of OF_GATES) {
      gauge(name, help, ["account"], (metric) => {
        metric.reset();
        for (const [account, gate] of gates.all()) {
          const value = isService(account) ? read(gate.state(), clock.now()) : undefined;
          if (value !== undefined) metric.set({ account: accounts(account) }, value);
        }
      });
    }
  }

  const outages = gauge(
    "gh_runner_github_outage",
    "1 while GitHub fails most requests, as one of the replicas found; else 0.",
  );

  /** While the store cannot be read, the gauge keeps its value. */
  async function readOutage(current: () => Promise<Outage | undefined>): Promise<void> {
    const outage = await current().catch(() => "unknown" as const);
    if (outage !== "unknown") outages.set(outage && outage.until === undefined ? 1 : 0);
  }

  return { request, paused, read: readGates, readOutage };
}
