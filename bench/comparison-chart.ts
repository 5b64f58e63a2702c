import { type Comparison, cellOf, ROWS } from "./comparison-table.ts";

const WIDTH = 860;
const COLUMNS = 2;
const PANEL = { width: WIDTH / COLUMNS, padding: 14, title: 22, bar: 16, gap: 8 };
const NAME_WIDTH = 110;
const VALUE_WIDTH = 60;

/** One small bar chart for each figure, as SVG that is readable on light and dark. Shorter is better in all of them. */
export function comparisonChart({ contestants, date, command }: Comparison): string {
  const shown = contestants.filter(({ kind }) => kind === "ours" || kind === "other");
  const height = PANEL.title + shown.length * (PANEL.bar + PANEL.gap) + 2 * PANEL.padding;
  const rows = ROWS.filter(({ isInChart }) => isInChart);
  const total = Math.ceil(rows.length / COLUMNS) * height + 30;
  const panels = rows.map((row, at) => {
    const values = shown.map(({ figures }) => figures[row.key]?.median ?? 0);
    const most = Math.max(...values, Number.MIN_VALUE);
    const bars = shown.map((each, place) => {
      const y = PANEL.title + place * (PANEL.bar + PANEL.gap);
      const room = PANEL.width - 2 * PANEL.padding - NAME_WIDTH - VALUE_WIDTH;
      const width = Math.max(1, ((values[place] ?? 0) / most) * room);
      const middle = y + PANEL.bar - 4;
      return [
        `<text class="name" x="${NAME_WIDTH - 8}" y="${middle}" text-anchor="end">${each.name}</text>`,
        `<rect class="${each.kind === "ours" ? "ours" : "other"}" x="${NAME_WIDTH}" y="${y}" width="${width.toFixed(1)}" height="${PANEL.bar}" rx="2"/>`,
        `<text class="value" x="${(NAME_WIDTH + width + 6).toFixed(1)}" y="${middle}">${cellOf(each, row)}</text>`,
      ].join("\n");
    });
    const [x, y] = [(at % COLUMNS) * PANEL.width + PANEL.padding, Math.floor(at / COLUMNS) * height + PANEL.padding];
    return `<g transform="translate(${x} ${y})">\n<text class="title" y="12">${row.what}</text>\n${bars.join("\n")}\n</g>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${total}" width="${WIDTH}" height="${total}" role="img" aria-label="How gh-runner compares; shorter bars are better">
<style>
text { font: 12px system-ui, sans-serif; fill: #1f2328 }
.title { font-weight: 600 }
.name, .note { fill: #59636e }
.ours { fill: #1a7f37 }
.other { fill: #8c959f }
@media (prefers-color-scheme: dark) {
text { fill: #f0f6fc }
.name, .note { fill: #9198a1 }
.ours { fill: #3fb950 }
.other { fill: #6e7681 }
}
</style>
${panels.join("\n")}
<text class="note" x="${PANEL.padding}" y="${total - 10}">Shorter is better in all of them. ${date}, ${command}.</text>
</svg>
`;
}
