import type { SpanContext } from "@opentelemetry/api";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { BatchSpanProcessor, RandomIdGenerator, type SpanExporter, TracerProvider } from "@opentelemetry/sdk-trace";

/** The receiver of spans. */
export type Collector = {
  /** Base URL of the collector. `/v1/traces` is appended. */
  readonly endpoint: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly serviceName: string;
  readonly version: string;
  /** Called once when spans can no longer be exported, and once when they can again. */
  readonly onExport: (error: Error | undefined) => void;
};

/** How long the end of the process waits for a collector, ms. */
const CLOSE_MS = 2000;

/** Loads OpenTelemetry's SDK. Import this file only if there is a collector. */
export function openExporter({ endpoint, headers, serviceName, version, onExport }: Collector) {
  const random = new RandomIdGenerator();
  let forced: Pick<SpanContext, "traceId" | "spanId"> | undefined;
  const provider = new TracerProvider({
    resource: resourceFromAttributes({ "service.name": serviceName, "service.version": version }),
    idGenerator: {
      generateTraceId: () => forced?.traceId ?? random.generateTraceId(),
      generateSpanId() {
        const spanId = forced?.spanId ?? random.generateSpanId();
        forced = undefined;
        return spanId;
      },
    },
    spanProcessors: [
      new BatchSpanProcessor({
        exporter: reporting(new OTLPTraceExporter({ url: `${endpoint}/v1/traces`, headers: { ...headers } }), onExport),
      }),
    ],
  });
  return {
    tracer: provider.getTracer("gh-runner", version),
    /** The next span gets these ids instead of random ones. */
    nextIs(ids: Pick<SpanContext, "traceId" | "spanId">): void {
      forced = ids;
    },
    /** Exports the remaining spans, for a short time. */
    async close(): Promise<void> {
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, CLOSE_MS);
      });
      await Promise.race([provider.shutdown().catch(() => {}), late]);
      clearTimeout(timer);
    },
  };
}

function reporting(exporter: SpanExporter, onExport: Collector["onExport"]): SpanExporter {
  let failing = false;
  return {
    export: (spans, done) =>
      exporter.export(spans, (result) => {
        const failed = result.code !== 0;
        if (failed !== failing) onExport(failed ? (result.error ?? new Error("no answer")) : undefined);
        failing = failed;
        done(result);
      }),
    shutdown: () => exporter.shutdown(),
    forceFlush: async (...options) => exporter.forceFlush?.(...options),
  };
}
