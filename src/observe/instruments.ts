import { Counter, Gauge, Histogram, Registry } from "@prometheus-io/client";

export type Instruments = ReturnType<typeof openInstruments>;

/** A registry, and functions that create metrics in it. `collect` runs whenever the metrics are read. */
export function openInstruments() {
  const registry = new Registry();
  const registers = [registry];
  return {
    registry,
    counter: <Label extends string = never>(
      name: string,
      help: string,
      labelNames: readonly Label[] = [],
      collect?: (counter: Counter<Label>) => void,
    ): Counter<Label> => new Counter({ name, help, labelNames, registers, collect: collecting(collect) }),
    /** A counter with one label. These values of the label start at zero. */
    counted<Value extends string | number>(name: string, help: string, label: string, values: readonly Value[]) {
      const counter = new Counter({ name, help, labelNames: [label], registers });
      for (const value of values) counter.inc({ [label]: value }, 0);
      return (value: Value) => counter.inc({ [label]: value });
    },
    gauge: <Label extends string = never>(
      name: string,
      help: string,
      labelNames: readonly Label[] = [],
      collect?: (gauge: Gauge<Label>) => void,
    ): Gauge<Label> => new Gauge({ name, help, labelNames, registers, collect: collecting(collect) }),
    histogram: <Label extends string>(name: string, help: string, labelNames: readonly Label[], buckets: number[]) =>
      new Histogram({ name, help, labelNames, buckets, registers }),
  };
}

function collecting<Metric>(collect: ((metric: Metric) => void) | undefined) {
  return function (this: Metric): void {
    collect?.(this);
  };
}

/**
 * Limits the values of a label: the first `most` values stay unchanged, the rest become `other`. Each value is a time
 * series, which takes memory in Prometheus and here forever.
 */
export function bounded(most: number): (value: string) => string {
  const known = new Set<string>();
  return (value) => {
    if (known.has(value)) return value;
    if (known.size >= most) return "other";
    known.add(value);
    return value;
  };
}
