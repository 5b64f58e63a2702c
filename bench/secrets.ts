import { knownSecrets } from "../src/observe/secrets.ts";

/** The cost of hiding secrets: in a log record, in a payload, and for a token that comes and goes. */
const RECORD = {
  run: "0193b0a0-1111-7222-8333-444455556666",
  workflow: "environment-ready",
  application: "pr-1234",
  attempt: 1,
  duration_ms: 85,
  github_request_id: "AB12:34CD:56EF:7890",
  outcome: "success",
  outputs: { commitHash: "0123456789".repeat(4), sourceName: "pr-1234" },
};
const PAYLOAD = { text: "some words of a webhook ".repeat(2500) };

const KNOWN = [
  `ghp_${"a1B2c3".repeat(6)}`,
  "c0ffee".repeat(10),
  "deadbeef".repeat(8),
  "password+/=of-the-database",
  "https://hooks.slack.com/services/T000/B000/XXXXXXXX",
];
const TOKEN = `ghs_123456_eyJ${"xYz09".repeat(100)}`;

/** The shortest of the rounds, in µs: other work on the machine only makes it longer. */
function microseconds(work: () => unknown, times: number): number {
  const rounds = Array.from({ length: 20 }, () => {
    const started = process.hrtime.bigint();
    for (let at = 0; at < times; at++) work();
    return Number(process.hrtime.bigint() - started) / times / 1000;
  });
  return Math.min(...rounds);
}

process.stdout.write(
  "| tokens of requests in flight | a log record | a payload of 60 KB | a token added and removed |\n|---|---|---|---|\n",
);
for (const inFlight of [0, 200]) {
  const { scrubAll, withoutTokens, guard } = knownSecrets(KNOWN);
  for (let at = 0; at < inFlight; at++) guard(`${TOKEN}${at}`);
  const columns = [
    microseconds(() => scrubAll(RECORD), 2000),
    microseconds(() => withoutTokens(PAYLOAD), 20),
    microseconds(() => guard(TOKEN)(), 200),
  ];
  process.stdout.write(`| ${[inFlight, ...columns.map((each) => `${each.toFixed(1)} µs`)].join(" | ")} |\n`);
}
