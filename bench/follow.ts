import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { startGitHub } from "../sandbox/github.ts";
import { IMAGE_OPTIONS, type MeasuredService, quantile, startBundle, TOKEN } from "./service.ts";

/**
 * The cost of 300 runs that follow Actions runs for 20 minutes without webhooks: private memory, compared with a
 * service that follows none, with the image's options, and requests. `MINUTES=3` makes it shorter.
 */
const FOLLOWED = 300;
const MINUTES = Number(process.env.MINUTES ?? 20);
const LIST = "GET /repos/{owner}/{repo}/actions/runs";

const FOLLOWER = `import { defineWorkflow } from "gh-runner";
import * as z from "zod";

export default defineWorkflow({
  name: "follower",
  on: { http: { path: "/follower", body: z.object({ id: z.number() }) } },
  async run({ github, body }) {
    const { conclusion } = await github.follow({ repository: "acme/shop", runId: body.id });
    return { conclusion };
  },
});
`;

const temporary = (what: string) => mkdtempSync(join(tmpdir(), `gh-runner-${what}-`));
const workflows = temporary("follower");
writeFileSync(join(workflows, "follower.ts"), FOLLOWER);
let lists = 0;
const github = await startGitHub({
  record: false,
  answered({ route }) {
    if (route === LIST) lists++;
  },
});
github.token(TOKEN);
const shop = github.repository("acme/shop");
shop.put(".github/workflows/tests.yml", "name: tests\non: workflow_dispatch\njobs: { test: {} }\n");
const [empty, filled] = [temporary("none"), temporary("followed")];
const env = (folder: string) => ({ WORKFLOWS_DIR: workflows, DATA_DIR: folder, LOG_LEVEL: "warn" });
const start = (folder: string) => startBundle(github.url, { env: env(folder), nodeOptions: IMAGE_OPTIONS });

const ids = Array.from({ length: FOLLOWED }, () => github.actions.start(shop, ".github/workflows/tests.yml"));
// Beginning them takes memory like any load. Only following them is measured.
const filling = await start(filled);
await Promise.all(ids.map((id) => follow(filling, id)));
await wait(10_000);
await filling.stop();

lists = 0;
const services = [await start(empty), await start(filled)] as const;
const [, many] = services;
const before = github.counts.requests;
await wait((MINUTES - 1) * 60_000);
const samples: number[][] = [];
for (let at = 0; at < 12; at++) {
  await wait(5000);
  samples.push(services.map((each) => each.memory().privateDirty));
}
const [quietLists, quietRequests] = [lists, github.counts.requests - before];
// The value at one moment depends on when garbage was last collected.
const [without, following] = [0, 1].map((nth) =>
  quantile(
    samples.map((each) => each[nth] ?? 0),
    0.5,
  ),
) as [number, number];

for (const id of ids) github.actions.end(shop, id, "success");
const ended = performance.now();
while ((await open(many)) > 0) await wait(1000);
const noticed = (performance.now() - ended) / 1000;

const megabytes = (value: number) => `${value.toFixed(1)} MB`;
const row = (...cells: readonly string[]) => process.stdout.write(`| ${cells.join(" | ")} |\n`);
row("", "following none", `following ${FOLLOWED}`, "more", "aim");
row("---", "---", "---", "---", "---");
row("private memory", megabytes(without), megabytes(following), megabytes(following - without), "5 MB");
row(`lists in ${MINUTES} minutes, beginning with a start`, "0", String(quietLists), "", `${MINUTES + 1}`);
row("other requests in that time", "0", String(quietRequests - quietLists), "", "0");
row("all have ended after", "", `${noticed.toFixed(0)} s`, "", "");
for (const service of services) await service.stop();
await github.close();
for (const folder of [workflows, empty, filled]) rmSync(folder, { recursive: true, force: true });

async function follow({ url }: MeasuredService, id: number): Promise<void> {
  const headers = { "content-type": "application/json", prefer: "respond-async" };
  const answer = await fetch(`${url}/follower`, { method: "POST", headers, body: JSON.stringify({ id }) });
  await answer.arrayBuffer();
  if (answer.status !== 202) throw new Error(`answered ${answer.status}`);
}

/** How many runs have not ended. */
async function open({ url }: MeasuredService): Promise<number> {
  const answers = ["waiting", "queued", "running"].map(async (status) => {
    const answer = await fetch(`${url}/api/runs?status=${status}&limit=1`);
    return ((await answer.json()) as { runs: unknown[] }).runs.length;
  });
  return (await Promise.all(answers)).reduce((sum, each) => sum + each, 0);
}
