export type Measured = {
  /** p50 at 40 ms a GitHub request, ms. */
  readonly lightLatency: number;
  readonly heavyLatency: number;
  /** CPU a dispatch with that of child processes, ms. */
  readonly cpu: number;
  /** Anonymous memory with that of child processes, MB. */
  readonly idleMemory: number;
  readonly burstMemory: number;
  /** Of 500 at once against GitHub's documented limits, sent once. */
  readonly lostInBurst: number;
  /** Requests that GitHub answered with a limit meanwhile. */
  readonly limitsMet: number;
  /** Of 200 around an outage of 5 s, from a caller that sends once, and from one that retries as ArgoCD does. */
  readonly lostInOutage: number;
  readonly lostInOutageWithRetries: number;
};

export type Comparison = {
  readonly date: string;
  readonly machine: string;
  readonly contestants: readonly (Measured & { readonly name: string })[];
};

export const ROWS: readonly (readonly [what: string, unit: string, key: keyof Measured, digits: number])[] = [
  ["of 500 at once against GitHub's limits: lost", "", "lostInBurst", 0],
  ["limits of GitHub met meanwhile", "", "limitsMet", 0],
  ["of 200 around a 5 s outage, sent once: lost", "", "lostInOutage", 0],
  ["the same, retried by the caller as ArgoCD does: lost", "", "lostInOutageWithRetries", 0],
  ["light application, p50", "ms", "lightLatency", 0],
  ["heavy application, p50", "ms", "heavyLatency", 0],
  ["CPU a dispatch", "ms", "cpu", 1],
  ["memory, idle", "MB", "idleMemory", 0],
  ["memory, at most in the burst of 500", "MB", "burstMemory", 0],
];

/** In Markdown. */
export function comparisonTable({ contestants, date, machine }: Comparison): string {
  const cells = (texts: readonly string[]) => `| ${texts.join(" | ")} |`;
  return [
    cells(["", ...contestants.map(({ name }) => name)]),
    cells(["---", ...contestants.map(() => "---")]),
    ...ROWS.map(([what, unit, key, digits]) =>
      cells([what, ...contestants.map((each) => `${each[key].toFixed(digits)} ${unit}`.trim())]),
    ),
    "",
    `\`npm run bench\`, ${date}, ${machine}.`,
  ].join("\n");
}

const BEGIN = "<!-- comparison: written by `npm run bench` -->";
const END = "<!-- /comparison -->";

/** The document with this table between its two marks; as it was without them. */
export function writeTable(document: string, comparison: Comparison): string {
  const [begin, end] = [document.indexOf(BEGIN), document.indexOf(END)];
  if (begin < 0 || end < 0) return document;
  return `${document.slice(0, begin)}${BEGIN}\n\n${comparisonTable(comparison)}\n\n${document.slice(end)}`;
}
