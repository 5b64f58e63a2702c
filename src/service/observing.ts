import type { Fetch } from "../model/network.ts";
import { observedBy } from "../model/observer.ts";
import type { RunStore } from "../model/store.ts";
import { openMetrics } from "../observe/metrics.ts";
import { openNotices } from "../observe/notices.ts";
import type { Tracing } from "../observe/tracing.ts";
import type { Ground } from "./ground.ts";
import type { Outages } from "./outages.ts";
import { VERSION } from "./version.ts";

/** Opens everything that is told what happens: metrics always, traces and notices where the settings name a receiver. */
export async function openObservers(ground: Ground, store: RunStore, fetch: Fetch, { causeOf }: Outages) {
  const { config, options, loaded, secrets, log, clock, closing } = ground;
  const workflows = loaded.current.workflows.map(({ name }) => name);
  const metrics = openMetrics({ workflows, version: VERSION, clock });
  closing.defer(metrics.close);
  const tracing = await tracingOf(ground, store);
  if (tracing) closing.defer(tracing.close);
  const url = options.closed ? undefined : config.observe.notifyUrl;
  const { scrub } = secrets;
  const { host } = new URL(config.github.apiUrl);
  const facts = { host, retryHours: config.workflows.retryHours, publicUrl: config.http.publicUrl };
  const { noticed } = metrics;
  const notices = url && openNotices({ url, fetch, store, scrub, log, clock, noticed, causeOf, facts });
  if (notices) closing.defer(notices.close);
  const observers = [metrics, tracing, notices || undefined].flatMap((each) => each?.observer ?? []);
  return { observe: observedBy(observers), metrics, tracing, report: notices ? notices.outage : undefined };
}

/** Traces, where there is a collector; their libraries are loaded only then. */
async function tracingOf({ config, secrets, log, clock }: Ground, store: RunStore): Promise<Tracing | undefined> {
  const { traceEndpoint: endpoint, traceHeaders: headers, traceService: serviceName } = config.observe;
  if (endpoint === undefined) return undefined;
  const { openTracing } = await import("../observe/tracing.ts");
  const onExport = (error: Error | undefined) => {
    if (error) log.warn({ reason: error.message }, "traces cannot be exported to OTEL_EXPORTER_OTLP_ENDPOINT");
    else log.info("traces can be exported again");
  };
  const collector = { endpoint, headers, serviceName, version: VERSION, onExport };
  return openTracing(collector, { store, scrub: secrets.scrub, now: clock.now });
}
