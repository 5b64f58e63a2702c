import type { Fetch } from "../model/network.ts";
import type { NoticeTargets } from "../model/notices.ts";
import { observedBy } from "../model/observer.ts";
import type { RunStore } from "../model/store.ts";
import { openMetrics } from "../observe/metrics.ts";
import { openNotices } from "../observe/notices.ts";
import type { Tracing } from "../observe/tracing.ts";
import type { Ground } from "./ground.ts";
import { noticeTargets } from "./notice-targets.ts";
import type { Outages } from "./outages.ts";
import { VERSION } from "./version.ts";

/** Opens all observers: metrics always, traces and notices if the settings name a receiver. */
export async function openObservers(ground: Ground, store: RunStore, fetch: Fetch, { causeOf }: Outages) {
  const { config, options, loaded, secrets, log, clock, closing } = ground;
  const workflows = loaded.current.workflows.map(({ name }) => name);
  const metrics = openMetrics({ workflows, version: VERSION, clock });
  closing.defer(metrics.close);
  const tracing = await tracingOf(ground, store);
  if (tracing) closing.defer(tracing.close);
  const { host } = new URL(config.github.apiUrl);
  const facts = { host, retryHours: config.workflows.retryHours, publicUrl: config.http.publicUrl };
  const { noticed } = metrics;
  const notices = options.closed
    ? undefined
    : openNotices({ targets: targetsOf(ground), fetch, store, secrets, log, clock, noticed, causeOf, facts });
  if (notices) closing.defer(notices.close);
  const observers = [metrics, tracing, notices].flatMap((each) => each?.observer ?? []);
  return { observe: observedBy(observers), metrics, tracing, report: notices?.outage };
}

/** The receivers of notices. Computed again when workflows are loaded or an address changes. */
function targetsOf({ live, loaded }: Ground): () => NoticeTargets {
  const find = () => {
    const { observe } = live.now();
    return { observe, loaded: loaded.current, targets: noticeTargets(observe, loaded.current) };
  };
  let known = find();
  return () => {
    if (known.loaded !== loaded.current || known.observe !== live.now().observe) known = find();
    return known.targets;
  };
}

/** Opens traces if there is a collector. Loads their libraries only then. */
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
