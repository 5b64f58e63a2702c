import { createHash } from "node:crypto";
import type { SpanContext } from "@opentelemetry/api";
import type { Run } from "../../model/run.ts";

/** `traceparent` as W3C defines it: https://www.w3.org/TR/trace-context/#traceparent-header */
const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?$/;

/** The caller's span; undefined when the header is absent or says nothing valid. */
export function parseTraceparent(header: string | undefined): SpanContext | undefined {
  const [, version, traceId = "", spanId = "", flags = ""] = TRACEPARENT.exec(header?.trim() ?? "") ?? [];
  if (version === undefined || version === "ff" || /^0+$/.test(traceId) || /^0+$/.test(spanId)) return undefined;
  return { traceId, spanId, traceFlags: Number.parseInt(flags, 16) & 1, isRemote: true };
}

/** What is kept with a run: the span that its event came in, and since when the run counts (epoch milliseconds). */
export function traceNote({ traceId, spanId, traceFlags }: SpanContext, since: number): string {
  return `00-${traceId}-${spanId}-0${traceFlags & 1} ${since}`;
}

export type RunTrace = {
  /** The span that the event came in; undefined when none was noted: the run begins a trace. */
  readonly parent: SpanContext | undefined;
  /** The run's own span. It is known before it ends, in every process, because it is made of the run's id. */
  readonly span: SpanContext;
  /** Epoch milliseconds. */
  readonly since: number;
};

export function traceOf({ id, trace, acceptedAt }: Pick<Run, "id" | "trace" | "acceptedAt">): RunTrace {
  const [traceparent, since] = (trace ?? "").split(" ");
  const parent = parseTraceparent(traceparent);
  const digest = createHash("sha256")
    .update(`${id} ${trace ?? ""}`)
    .digest("hex");
  return {
    parent,
    span: {
      traceId: parent?.traceId ?? digest.slice(0, 32),
      spanId: digest.slice(32, 48),
      traceFlags: parent?.traceFlags ?? 1,
      isRemote: true,
    },
    since: since === undefined || since === "" ? acceptedAt : Number(since),
  };
}
