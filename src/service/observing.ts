import type { Clock } from "../model/clock.ts";
import type { Fetch } from "../model/network.ts";
import { type Observer, observedBy } from "../model/observer.ts";
import type { RunStore } from "../model/store.ts";
import type { Log } from "../observe/log.ts";
import { type Metrics, openMetrics } from "../observe/metrics.ts";
import { openNotices } from "../observe/notices.ts";
import type { Secrets } from "../observe/secrets.ts";
import type { Tracing } from "../observe/tracing.ts";
import type { ObserveConfig } from "./config/observe.ts";
import { VERSION } from "./version.ts";

type ObserversNeeds = {
  /** Names of the workflows. */
  readonly workflows: readonly string[];
  readonly store: RunStore;
  readonly secrets: Secrets;
  readonly log: Log;
  readonly clock: Clock;
  readonly fetch: Fetch;
  readonly closing: AsyncDisposableStack;
};

/** Opens everything that is told what happens: metrics always, traces and notices where the settings name a receiver. */
export async function openObservers(
  config: ObserveConfig,
  { workflows, store, secrets, log, clock, fetch, closing }: ObserversNeeds,
): Promise<{ observe: Observer; metrics: Metrics; tracing: Tracing | undefined }> {
  const { scrub } = secrets;
  const metrics = openMetrics({ workflows, version: VERSION, clock });
  closing.defer(metrics.close);
  const tracing = await tracingOf(config, { store, clock, scrub, log });
  if (tracing) closing.defer(tracing.close);
  const { notifyUrl: url } = config;
  const notices =
    url === undefined ? undefined : openNotices({ url, fetch, store, scrub, log, clock, noticed: metrics.noticed });
  if (notices) closing.defer(notices.close);
  const observe = observedBy([metrics, tracing, notices].flatMap((each) => each?.observer ?? []));
  return { observe, metrics, tracing };
}

/** Traces, where there is a collector; their libraries are loaded only then. */
async function tracingOf(
  config: ObserveConfig,
  { store, clock, scrub, log }: { store: Pick<RunStore, "get">; clock: Clock; scrub: Secrets["scrub"]; log: Log },
): Promise<Tracing | undefined> {
  const { traceEndpoint: endpoint, traceHeaders: headers, traceService: serviceName } = config;
  if (endpoint === undefined) return undefined;
  const { openTracing } = await import("../observe/tracing.ts");
  const onExport = (error: Error | undefined) => {
    if (error) log.warn({ reason: error.message }, "traces cannot be exported to OTEL_EXPORTER_OTLP_ENDPOINT");
    else log.info("traces can be exported again");
  };
  const collector = { endpoint, headers, serviceName, version: VERSION, onExport };
  return openTracing(collector, { store, scrub, now: clock.now });
}
