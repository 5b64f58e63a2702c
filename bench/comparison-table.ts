/** Over all rounds. */
export type Figure = { readonly median: number; readonly low: number; readonly high: number };

export type Key =
  | "lostInBurst"
  | "limitsMet"
  | "lostInOutage"
  | "lostInOutageWithRetries"
  | "cpu1"
  | "cpu32"
  | "cpu200"
  | "light"
  | "heavy"
  | "ready"
  | "readyCpu"
  | "privateIdle"
  | "residentIdle"
  | "cpu32Image"
  | "privateIdleImage"
  | "burst";

export type Figures = { readonly [K in Key]?: Figure };

export type Comparison = {
  readonly date: string;
  readonly machine: string;
  /** The command that measured it. */
  readonly command: string;
  readonly rounds: number;
  readonly contestants: readonly {
    readonly name: string;
    readonly kind: "ours" | "before" | "bare" | "other";
    readonly figures: Figures;
  }[];
};

type Contestant = Comparison["contestants"][number];

export type Row = {
  readonly key: Key;
  readonly what: string;
  readonly unit: "" | "ms" | "MB";
  readonly digits: number;
  /** Whether the chart shows it. */
  readonly isInChart?: boolean;
  /** Whether the short table shows it. */
  readonly isShort?: boolean;
};

export const ROWS: readonly Row[] = [
  { key: "lostInBurst", what: "events lost, of 500 in a burst", unit: "", digits: 0, isInChart: true, isShort: true },
  { key: "limitsMet", what: "requests that GitHub's limits rejected in that burst", unit: "", digits: 0 },
  {
    key: "lostInOutage",
    what: "events lost, of 200 around a 5 s outage",
    unit: "",
    digits: 0,
    isInChart: true,
    isShort: true,
  },
  {
    key: "lostInOutageWithRetries",
    what: "the same, when the caller retries as ArgoCD does",
    unit: "",
    digits: 0,
    isShort: true,
  },
  { key: "light", what: "light application, p50", unit: "ms", digits: 1, isInChart: true, isShort: true },
  { key: "heavy", what: "heavy application, p50", unit: "ms", digits: 1, isInChart: true, isShort: true },
  { key: "cpu1", what: "CPU per dispatch, 1 at a time", unit: "ms", digits: 2, isInChart: true },
  { key: "cpu32", what: "CPU per dispatch, 32 at a time", unit: "ms", digits: 2, isInChart: true, isShort: true },
  { key: "cpu200", what: "CPU per dispatch, 200 at a time", unit: "ms", digits: 2, isInChart: true },
  { key: "cpu32Image", what: "CPU per dispatch, 32 at a time, with the image's options", unit: "ms", digits: 2 },
  { key: "ready", what: "time to ready", unit: "ms", digits: 0, isShort: true },
  { key: "readyCpu", what: "CPU to ready", unit: "ms", digits: 0, isInChart: true },
  { key: "privateIdle", what: "private memory, idle", unit: "MB", digits: 1 },
  { key: "residentIdle", what: "resident memory, idle", unit: "MB", digits: 0 },
  {
    key: "privateIdleImage",
    isShort: true,
    what: "private memory, idle, with the image's options",
    unit: "MB",
    digits: 1,
    isInChart: true,
  },
  {
    key: "burst",
    what: "private memory at the peak of the burst of 500",
    unit: "MB",
    digits: 0,
    isInChart: true,
    isShort: true,
  },
];

/** Over all rounds: median, minimum and maximum. */
export function figureOf(values: readonly number[]): Figure | undefined {
  const sorted = [...values].sort((a, b) => a - b);
  const [low, median, high] = [sorted[0], sorted[Math.floor(sorted.length / 2)], sorted.at(-1)];
  return low === undefined || median === undefined || high === undefined ? undefined : { median, low, high };
}

/** In Markdown, for users: the medians, without the rows and columns for developers. */
export function shortTable(comparison: Comparison): string {
  const shown = comparison.contestants.filter(({ kind }) => kind === "ours" || kind === "other");
  const rows = ROWS.filter(({ isShort }) => isShort);
  return [...table(shown, cellOf, rows), "", sourceOf(comparison)].join("\n");
}

/** In Markdown: every contestant with the spread, and the ratio of gh-runner to each of the others. */
export function fullTables(comparison: Comparison): string {
  const { contestants } = comparison;
  const [ours] = contestants;
  const others = contestants.slice(1);
  const ratio = (each: Contestant, { key, unit }: Row) => {
    const [mine, theirs] = [ours?.figures[key]?.median, each.figures[key]?.median];
    return unit === "" || mine === undefined || !theirs ? "–" : `${(mine / theirs).toFixed(2)} ×`;
  };
  return [
    ...table(contestants, (each, row) => cellOf(each, row) + spreadOf(each, row)),
    "",
    `${ours?.name} compared with each of the others:`,
    "",
    ...table(
      others,
      ratio,
      ROWS.filter(({ unit }) => unit !== ""),
    ),
    "",
    sourceOf(comparison),
  ].join("\n");
}

function table(
  shown: readonly Contestant[],
  cell: (contestant: Contestant, row: Row) => string,
  rows: readonly Row[] = ROWS,
): string[] {
  const line = (texts: readonly string[]) => `| ${texts.join(" | ")} |`;
  return [
    line(["", ...shown.map(({ name }) => name)]),
    line(["---", ...shown.map(() => "---")]),
    ...rows.map((row) => line([row.what, ...shown.map((each) => cell(each, row))])),
  ];
}

/** With its unit. A dash if it was not measured. */
export function cellOf({ figures }: Contestant, { key, unit, digits }: Row): string {
  const figure = figures[key];
  return figure ? `${figure.median.toFixed(digits)} ${unit}`.trim() : "–";
}

function spreadOf({ figures }: Contestant, { key, digits }: Row): string {
  const { low = 0, high = 0 } = figures[key] ?? {};
  const [from, to] = [low.toFixed(digits), high.toFixed(digits)];
  return from === to ? "" : ` (${from}–${to})`;
}

function sourceOf({ command, rounds, date, machine }: Comparison): string {
  const what = rounds > 1 ? `medians of ${rounds}` : "one round";
  return `\`${command}\`, ${what}, ${date}, ${machine}.`;
}
