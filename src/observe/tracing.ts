import { AsyncLocalStorage } from "node:async_hooks";
import { createHash } from "node:crypto";
import {
  ROOT_CONTEXT,
  type Span,
  type SpanContext,
  SpanKind,
  type SpanOptions,
  SpanStatusCode,
  trace,
} from "@opentelemetry/api";
import type { Context, Next } from "hono";
import { matchedRoutes } from "hono/route";
import type { Observer } from "../model/observer.ts";
import type { Run } from "../model/run.ts";
import type { RunStore } from "../model/store.ts";
import { type Collector, openExporter } from "./trace-exporter.ts";

export type Tracing = ReturnType<typeof openTracing>;

type Sources = {
  readonly store: Pick<RunStore, "get">;
  readonly scrub: (text: string) => string;
  /** Epoch milliseconds. */
  readonly now: () => number;
};

/**
 * Spans of requests, runs, attempts, steps and requests to GitHub. A run can outlast the process. So its span is
 * written at its end, with ids that every process derives from the run's id.
 */
export function openTracing(collector: Collector, sources: Sources) {
  const spans = openSpans(collector, sources.scrub);
  const { start, current, failed, within } = spans;
  return {
    observer: observerOf(spans, sources),
    /** Gives every POST a span, as a child of the caller's span if it sent a `traceparent`. */
    async inbound(c: Context, next: Next) {
      if (c.req.method !== "POST") return next();
      const parent = parseTraceparent(c.req.header("traceparent"));
      const span = start("POST", { kind: SpanKind.SERVER, attributes: METHOD }, parent);
      await within(span, async () => {
        await next();
        const route = routeOf(c);
        if (route) span.updateName(`POST ${route}`).setAttribute("http.route", route);
        span.setAttribute("http.response.status_code", c.res.status);
        if (c.res.status >= 500) failed(span, `answered ${c.res.status}`);
      });
    },
    /** The trace to store with a run of the current request; undefined outside of a request. */
    note(): string | undefined {
      const span = current.getStore();
      return span && traceNote(span.spanContext(), sources.now());
    },
    /**
     * The ids of the current span for a log record; undefined outside of a span.
     * @see https://opentelemetry.io/docs/specs/otel/compatibility/logging_trace_context/
     */
    ids(): { trace_id: string; span_id: string } | undefined {
      const { traceId, spanId } = current.getStore()?.spanContext() ?? {};
      return traceId === undefined || spanId === undefined ? undefined : { trace_id: traceId, span_id: spanId };
    },
    close: spans.close,
  };
}

type Spans = ReturnType<typeof openSpans>;

function openSpans(collector: Collector, scrub: (text: string) => string) {
  const { tracer, nextIs, close } = openExporter(collector);
  const current = new AsyncLocalStorage<Span>();
  const start = (name: string, options: SpanOptions, parent: SpanContext | undefined) =>
    tracer.startSpan(name, options, parent ? trace.setSpanContext(ROOT_CONTEXT, parent) : ROOT_CONTEXT);
  const failed = (span: Span, message: string) =>
    span.setStatus({ code: SpanStatusCode.ERROR, message: scrub(message) });

  async function within<T>(span: Span, work: () => Promise<T>): Promise<T> {
    try {
      return await current.run(span, work);
    } catch (error) {
      failed(span, (error as Error).message);
      throw error;
    } finally {
      span.end();
    }
  }
  return { start, nextIs, current, failed, within, close };
}

function observerOf(
  { start, nextIs, current, failed, within }: Spans,
  { store, scrub, now }: Sources,
): Partial<Observer> {
  const here = () => current.getStore()?.spanContext();

  function writeRun(run: Run): void {
    const { parent, span: ids, since } = traceOf(run);
    nextIs(ids);
    const attributes = {
      "gh_runner.run": run.id,
      "gh_runner.workflow": run.workflow,
      "gh_runner.status": run.status,
      "gh_runner.attempts": run.attempts,
      ...(run.group === undefined ? {} : { "gh_runner.group": scrub(run.group) }),
      ...(run.supersededBy === undefined ? {} : { "gh_runner.superseded_by": run.supersededBy }),
    };
    const span = start(`run ${run.workflow}`, { startTime: since, attributes }, parent);
    if (run.status === "failure") failed(span, run.reason ?? "");
    span.end(run.endedAt ?? now());
  }

  return {
    accepted(_event, { run, joined, superseded, cancelled }) {
      current.getStore()?.setAttributes({ "gh_runner.run": run, "gh_runner.joined": joined });
      for (const over of [superseded, cancelled]) {
        if (over === undefined) continue;
        store.get(over).then(
          (found) => found && writeRun(found.run),
          () => {},
        );
      }
    },
    attempt({ run, attempt }, work) {
      const attributes = { "gh_runner.run": run.id, "gh_runner.attempt": attempt };
      const span = start("attempt", { attributes }, traceOf(run).span);
      return within(span, async () => {
        const result = await work();
        const { outcome, reason, kind } = result.attempt;
        span.setAttribute("gh_runner.outcome", kind ?? outcome);
        if (outcome === "failure") failed(span, reason ?? "");
        return result;
      });
    },
    step: (name, work) => within(start(`step ${scrub(name)}`, {}, here()), work),
    request(route, send) {
      const [method = "", template = ""] = route.split(" ");
      const attributes = { "http.request.method": method, "url.template": template };
      const span = start(route, { kind: SpanKind.CLIENT, attributes }, here());
      return within(span, async () => {
        const answer = await send();
        span.setAttribute("http.response.status_code", answer.status);
        // A missing file is a normal answer.
        if (answer.status >= 400 && answer.status !== 404) failed(span, `GitHub answered ${answer.status}`);
        return answer;
      });
    },
    settled(run) {
      if (run.endedAt !== undefined) writeRun(run);
    },
  };
}

const METHOD = { "http.request.method": "POST" };

/** Such as `/api/runs/:id/rerun`. Undefined for an unknown path, because a caller can invent any path. */
function routeOf(c: Context): string | undefined {
  return matchedRoutes(c).findLast(({ path }) => !path.includes("*"))?.path;
}

/** `traceparent` as W3C defines it: https://www.w3.org/TR/trace-context/#traceparent-header */
const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?$/;

/** The caller's span; undefined if the header is absent or invalid. */
export function parseTraceparent(header: string | undefined): SpanContext | undefined {
  const [, version, traceId = "", spanId = "", flags = ""] = TRACEPARENT.exec(header?.trim() ?? "") ?? [];
  if (version === undefined || version === "ff" || /^0+$/.test(traceId) || /^0+$/.test(spanId)) return undefined;
  return { traceId, spanId, traceFlags: Number.parseInt(flags, 16) & 1, isRemote: true };
}

/** The trace to store with a run: the span of its event, and the run's start (epoch milliseconds). */
export function traceNote({ traceId, spanId, traceFlags }: SpanContext, since: number): string {
  return `00-${traceId}-${spanId}-0${traceFlags & 1} ${since}`;
}

/**
 * The run's span. Every process can compute it before the run ends, because it comes from the run's id. `parent` is the
 * span of the event; without one, the run begins a trace. `since` is in epoch milliseconds.
 */
export function traceOf({ id, trace, acceptedAt }: Pick<Run, "id" | "trace" | "acceptedAt">) {
  const [traceparent, since] = (trace ?? "").split(" ");
  const parent = parseTraceparent(traceparent);
  const digest = createHash("sha256")
    .update(`${id} ${trace ?? ""}`)
    .digest("hex");
  const span: SpanContext = {
    traceId: parent?.traceId ?? digest.slice(0, 32),
    spanId: digest.slice(32, 48),
    traceFlags: parent?.traceFlags ?? 1,
    isRemote: true,
  };
  return { parent, span, since: since ? Number(since) : acceptedAt };
}
