import { readFileSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { parseArgs } from "node:util";
import { checkout } from "./checkout.ts";
import { comparisonChart } from "./comparison-chart.ts";
import { ARGOCD_RETRIES, burst, outage } from "./comparison-losses.ts";
import { measureCpu, measureLatency, measureStarts } from "./comparison-speed.ts";
import { type Comparison, figureOf, fullTables, type Key, ROWS, shortTable } from "./comparison-table.ts";
import { type Contestant, contestants } from "./contestants.ts";
import { writeBetween } from "./documents.ts";

/**
 * Runs the whole comparison in less than ten minutes, prints the tables, and writes them with a chart into the
 * documents. `node bench/compare.ts [--before REVISION] [--rounds 5] [--print]`: `--before` also measures the service
 * at a revision of git, and `--print` writes nothing. REFERENCE_BIN names the binary of the Go service.
 */
const { values: given } = parseArgs({
  options: {
    before: { type: "string" },
    rounds: { type: "string", default: "5" },
    print: { type: "boolean", default: false },
  },
});
const rounds = Number(given.rounds);
if (!Number.isInteger(rounds) || rounds < 1) throw new TypeError(`--rounds must be 1 or more, not ${given.rounds}`);
const begun = performance.now();
const say = (text: string) => process.stderr.write(`${((performance.now() - begun) / 1000).toFixed(0)} s: ${text}\n`);

if (given.before) say(`building ${given.before}`);
const before = given.before ? checkout(given.before) : undefined;
for (const [signal, code] of [
  ["SIGINT", 130],
  ["SIGTERM", 143],
] as const) {
  process.once(signal, () => {
    before?.remove();
    process.exit(code);
  });
}
const all = contestants(before);
const values = new Map(all.map((contestant) => [contestant, new Map<Key, number[]>()]));
const note = (contestant: Contestant, key: Key, value: number) => {
  const ofContestant = values.get(contestant);
  ofContestant?.set(key, [...(ofContestant.get(key) ?? []), value]);
};

try {
  say("starts and idle memory");
  await measureStarts({ contestants: all, rounds, note });
  say("CPU per dispatch, over TLS");
  await measureCpu({ contestants: all, rounds, note });
  say("latency");
  await measureLatency({ contestants: all, rounds, note });
  say("a burst of 500 against GitHub's limits");
  for (let round = 0; round < rounds; round++) {
    for (const contestant of all.filter(({ kind }) => kind !== "bare")) {
      const { lost, memory, limitsMet } = await burst(contestant);
      note(contestant, "lostInBurst", lost);
      note(contestant, "limitsMet", limitsMet);
      note(contestant, "burst", memory);
    }
  }
  say("an outage of GitHub");
  for (const [key, retries] of [
    ["lostInOutage", []],
    ["lostInOutageWithRetries", ARGOCD_RETRIES],
  ] as const) {
    // At the same time, each with a separate GitHub: these counts do not depend on speed.
    const met = all.filter(({ kind }) => kind === "ours" || kind === "other");
    await Promise.all(met.map(async (contestant) => note(contestant, key, await outage(contestant, retries))));
  }
} finally {
  before?.remove();
}
say("done");

const comparison: Comparison = {
  date: new Date().toISOString().slice(0, 10),
  machine: `${cpus().length} cores (${cpus()[0]?.model.trim() || "unknown"}), Node ${process.versions.node}`,
  command: `npm run bench${before ? ` -- --before ${before.revision}` : ""}`,
  rounds,
  contestants: all.map((contestant) => ({
    name: contestant.name,
    kind: contestant.kind,
    figures: Object.fromEntries(
      ROWS.flatMap(({ key }) => {
        const figure = figureOf(values.get(contestant)?.get(key) ?? []);
        return figure ? [[key, figure]] : [];
      }),
    ),
  })),
};
if (!given.print) {
  writeFileSync("bench/comparison.json", `${JSON.stringify(comparison, null, 2)}\n`);
  writeFileSync("docs/comparison.svg", comparisonChart(comparison));
  for (const [file, tables] of [
    ["README.md", shortTable(comparison)],
    ["bench/README.md", fullTables(comparison)],
  ] as const) {
    writeFileSync(file, writeBetween(readFileSync(file, "utf8"), "comparison", tables));
  }
}
process.stdout.write(`${fullTables(comparison)}\n`);
