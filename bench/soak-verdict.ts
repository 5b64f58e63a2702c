import { quantile } from "./service.ts";

export type Sample = {
  readonly minute: number;
  /** Dispatches that GitHub has accepted so far. */
  readonly dispatches: number;
  /** MB after a garbage collection. */
  readonly heap: number;
  readonly external: number;
  /** MB that only this process has written, or that it has in memory. */
  readonly privateDirty: number;
  readonly resident: number;
  readonly descriptors: number;
  readonly resources: Readonly<Record<string, number>>;
  /** MB of the database with its log. */
  readonly database: number;
};

/**
 * How much the last third of the steady samples may exceed the first third and still count as flat. At 40 requests per
 * second, these thirds are 64,000 requests apart in an hour. A leaked object takes 24 bytes of the heap or more, and a
 * leaked allocation 32 bytes of the process. So one per request would be 1.5 and 2 MB.
 */
const ALLOWED: readonly (readonly [what: string, of: (sample: Sample) => number, mostMB: (first: number) => number])[] =
  [
    ["heap after collection", ({ heap }) => heap, () => 1],
    ["private memory", ({ privateDirty }) => privateDirty, () => 2],
    ["database", ({ database }) => database, (first) => Math.max(1, first * 0.05)],
  ];

/**
 * Nothing is deleted before this minute, so the stored data grows until then. The later samples are the steady ones.
 */
export const STEADY_FROM_MINUTE = 20;

/** A row for each quantity of the verdict, MB. `isFlat` is undefined if the run was too short. */
export type Trend = {
  readonly what: string;
  readonly first: number;
  readonly last: number;
  readonly perHour: number;
  readonly isFlat: boolean | undefined;
};

/** What the samples of a run of this many minutes show about memory and the database. */
export function trends(samples: readonly Sample[], minutes: number): readonly Trend[] {
  const steady = samples.filter(({ minute }) => minute > Math.min(STEADY_FROM_MINUTE, minutes / 3));
  const third = Math.floor(steady.length / 3);
  return ALLOWED.map(([what, of, mostMB]) => {
    const values = steady.map(of);
    const first = quantile(values.slice(0, Math.max(1, third)), 0.5);
    const last = quantile(values.slice(-Math.max(1, third)), 0.5);
    const perHour = slopePerHour(steady.map((sample) => [sample.minute, of(sample)]));
    const isLongEnough = minutes >= 2 * STEADY_FROM_MINUTE && third >= 3;
    return { what, first, last, perHour, isFlat: isLongEnough ? last - first <= mostMB(first) : undefined };
  });
}

/** In Markdown: the trends, the descriptors before and after, and the verdict in a line. */
export function soakVerdict(
  { before, samples, after }: { before: Sample; samples: readonly Sample[]; after: Sample },
  minutes: number,
): { readonly text: string; readonly isFine: boolean } {
  const rows = trends(samples, minutes);
  const cells = (texts: readonly (string | number)[]) => `| ${texts.join(" | ")} |`;
  const megabytes = (value: number) => (Number.isNaN(value) ? "–" : `${value.toFixed(2)} MB`);
  const word = { true: "yes", false: "no", undefined: "too short to tell" };
  const hasLeaked = after.descriptors > before.descriptors;
  const growing = rows.filter(({ isFlat }) => isFlat === false).map(({ what }) => what);
  if (hasLeaked) growing.push("open file descriptors");
  const isUnknown = growing.length === 0 && rows.some(({ isFlat }) => isFlat === undefined);
  const verdict = growing.length > 0 ? `NOT flat: ${growing.join(", ")}` : isUnknown ? "too short to tell" : "flat";
  return {
    isFine: growing.length === 0,
    text: [
      cells(["steady", "first third", "last third", "slope per hour", "flat"]),
      cells(["---", "---", "---", "---", "---"]),
      ...rows.map(({ what, first, last, perHour, isFlat }) =>
        cells([what, megabytes(first), megabytes(last), megabytes(perHour), word[`${isFlat}`]]),
      ),
      "",
      cells(["idle", "before", "after", "no more"]),
      cells(["---", "---", "---", "---"]),
      cells(["open file descriptors", before.descriptors, after.descriptors, hasLeaked ? "no" : "yes"]),
      cells(["what keeps the event loop alive", shown(before.resources), shown(after.resources), ""]),
      "",
      `Verdict: ${verdict}.`,
    ].join("\n"),
  };
}

/** In Markdown: about eight samples of the run, and the idle service before and after. */
export function soakTable(before: Sample, samples: readonly Sample[], after: Sample): string {
  const every = Math.max(1, Math.round(samples.length / 8));
  const shownSamples = samples.filter((_, at) => at % every === every - 1);
  const row = (name: string, { dispatches, heap, privateDirty, database, descriptors }: Sample) =>
    `| ${name} | ${dispatches} | ${heap.toFixed(1)} MB | ${privateDirty.toFixed(1)} MB | ${database.toFixed(1)} MB | ${descriptors} |`;
  return [
    "| minute | dispatched | heap after collection | private memory | database | open file descriptors |",
    "| --- | --- | --- | --- | --- | --- |",
    row("idle, before", before),
    ...shownSamples.map((sample) => row(sample.minute.toFixed(0), sample)),
    row("idle, after", after),
  ].join("\n");
}

function shown(resources: Sample["resources"]): string {
  return Object.entries(resources)
    .map(([name, count]) => `${count} ${name}`)
    .join(", ");
}

/** The slope of a least-squares line through the points. The first coordinate is in minutes. */
function slopePerHour(points: readonly (readonly [number, number])[]): number {
  const mean = (at: 0 | 1) => points.reduce((sum, point) => sum + point[at], 0) / points.length;
  const [x, y] = [mean(0), mean(1)];
  const over = points.reduce((sum, [minute, value]) => sum + (minute - x) * (value - y), 0);
  return (over / points.reduce((sum, [minute]) => sum + (minute - x) ** 2, 0)) * 60;
}
