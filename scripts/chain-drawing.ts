/**
 * The drawing of the README: an event becomes a run, which works at GitHub; Actions runs tests; the pull request shows their result.
 * GitHub shows one of two files, for its light and its dark theme.
 */
type Theme = "light" | "dark";

const COLORS = {
  light: { text: "#1f2328", note: "#59636e", line: "#8c959f", accent: "#1a7f37" },
  dark: { text: "#f0f6fc", note: "#9198a1", line: "#6e7681", accent: "#3fb950" },
} as const;

const TITLE =
  "An event becomes a run of gh-runner. The run calls GitHub, which starts tests in Actions. gh-runner follows the tests and reports the result on the pull request.";

const BOXES = [
  { name: "Event", notes: ["ArgoCD, Flux, GitHub,", "a request, a schedule"] },
  { name: "Run", notes: ["gh-runner stores it,", "calls your function"] },
  { name: "GitHub", notes: ["takes a label, a comment,", "an event for Actions"] },
  { name: "Tests", notes: ["Actions tests", "exactly that commit"] },
  { name: "Pull request", notes: ["shows whether", "the tests passed"] },
] as const;

/** The box of gh-runner, and those that it comes back to. */
const RUN = 1;
const BACK = [
  { at: 3, label: "follows" },
  { at: 4, label: "reports" },
] as const;

// Pixels.
const WIDTH = 148;
const HEIGHT = 84;
const GAP = 30;
const TOP = 12;
const MARGIN = 10;
const LOOP = TOP + HEIGHT + 44;

const leftOf = (at: number) => MARGIN + at * (WIDTH + GAP);
const middleOf = (at: number) => leftOf(at) + WIDTH / 2;

export const CHAIN_FILES = { light: "docs/chain.svg", dark: "docs/chain-dark.svg" } as const;

export function chainDrawing(theme: Theme): string {
  const { text, note, line, accent } = COLORS[theme];
  const total = leftOf(BOXES.length) - GAP + MARGIN;
  const boxes = BOXES.map(({ name, notes }, at) =>
    [
      `<rect x="${leftOf(at)}" y="${TOP}" width="${WIDTH}" height="${HEIGHT}" rx="8"${at === RUN ? ' class="run"' : ""}/>`,
      `<text class="name" x="${middleOf(at)}" y="${TOP + 28}">${name}</text>`,
      ...notes.map((each, row) => `<text x="${middleOf(at)}" y="${TOP + 50 + row * 17}">${each}</text>`),
    ].join(""),
  );
  const arrows = BOXES.slice(1).map((_, at) => {
    const [from, to, y] = [leftOf(at) + WIDTH + 4, leftOf(at + 1) - 4, TOP + HEIGHT / 2];
    return `<path d="M${from} ${y}H${to - 6}"/><path class="head" d="M${to} ${y}l-8 -4v8z"/>`;
  });
  const loop = [
    `<path class="run" d="M${middleOf(RUN)} ${TOP + HEIGHT + 4}V${LOOP}H${middleOf(BACK.at(-1)?.at ?? RUN)}"/>`,
    ...BACK.map(({ at, label }) => {
      const [x, y] = [middleOf(at), TOP + HEIGHT + 4];
      return (
        `<path class="run" d="M${x} ${LOOP}V${y + 6}"/><path class="run head" d="M${x} ${y}l-4 8h8z"/>` +
        `<text class="label" x="${x + 8}" y="${LOOP - 14}">${label}</text>`
      );
    }),
    `<text class="label" x="${middleOf(RUN) + 8}" y="${LOOP - 14}">gh-runner continues</text>`,
  ];
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${total} ${LOOP + 8}" width="${total}" height="${LOOP + 8}" role="img" aria-labelledby="title">`,
    `<title id="title">${TITLE}</title>`,
    "<style>",
    `text { font: 12px system-ui, sans-serif; fill: ${note}; text-anchor: middle }`,
    `.name { font-size: 14px; font-weight: 600; fill: ${text} }`,
    ".label { text-anchor: start }",
    `rect, path { fill: none; stroke: ${line}; stroke-width: 1.5 }`,
    `.head { fill: ${line}; stroke: none }`,
    `.run { stroke: ${accent}; stroke-width: 2 }`,
    `.run.head { fill: ${accent}; stroke: none }`,
    "</style>",
    ...boxes,
    ...arrows,
    ...loop,
    "</svg>",
    "",
  ].join("\n");
}
