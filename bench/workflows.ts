import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { quantile, startBundle, startStandIn } from "./service.ts";

/** What fifty workflows in WORKFLOWS_DIR cost: time and CPU until ready, and idle memory, beside a service without. */
const WORKFLOWS = 50;
const STARTS = 7;

const folder = mkdtempSync(join(tmpdir(), "gh-runner-workflows-"));
for (let n = 0; n < WORKFLOWS; n++) writeFileSync(join(folder, `workflow-${n}.ts`), workflow(n));
const github = await startStandIn(0);

const without = await measure({});
const one = await measure({ WORKFLOWS_DIR: folder });
process.stdout.write("| | without | with 50 workflows | difference | aim |\n|---|---|---|---|---|\n");
row("ready, median", without.ready, one.ready, "s", "0.2 s");
row("CPU to ready, median", without.cpu, one.cpu, "s", "");
row("private memory, idle", without.memory, one.memory, "MB", "20 MB");
await github.stop();
rmSync(folder, { recursive: true, force: true });

async function measure(env: Record<string, string>) {
  const starts = [];
  const memories = [];
  for (let at = 0; at < STARTS; at++) {
    const service = await startBundle(github.url, { env: { LOG_LEVEL: "warn", ...env } });
    await wait(1000);
    starts.push(service);
    memories.push(service.memory().privateDirty);
    await service.stop();
  }
  const median = (values: number[]) => quantile(values, 0.5);
  return {
    ready: median(starts.map(({ readyMs }) => readyMs)) / 1000,
    cpu: median(starts.map(({ readyCpuMs }) => readyCpuMs)) / 1000,
    memory: median(memories),
  };
}

function row(name: string, before: number, after: number, unit: string, aim: string): void {
  const shown = (value: number) => `${value.toFixed(unit === "s" ? 2 : 1)} ${unit}`;
  process.stdout.write(`| ${name} | ${shown(before)} | ${shown(after)} | ${shown(after - before)} | ${aim} |\n`);
}

/** As long as a usual one, with a trigger, a schema and a few steps. */
function workflow(n: number): string {
  return `import { defineWorkflow, skip, PermanentFailure } from "gh-runner";
import * as z from "zod";

type Preview = { readonly pr: number; readonly url: string };

const body = z.object({
  pr: z.number().int().positive(),
  url: z.url(),
  team: z.enum(["web", "api", "data"]).optional(),
  labels: z.array(z.string()).default([]),
});

export default defineWorkflow({
  name: "workflow-${n}",
  on: { http: { path: "/workflow-${n}", body } },
  concurrency: ({ body }) => \`pr-\${body.pr}\`,
  timeout: "2m",
  async run({ body, github, step, waitFor, log }) {
    if (!body.url.startsWith("https:")) return skip("only https previews are announced");
    await waitFor(body.url, { timeout: "30s" });
    const preview: Preview = { pr: body.pr, url: body.url };
    const comment = await step("comment", () =>
      github.request("POST /repos/{owner}/{repo}/issues/{issue_number}/comments", {
        owner: "acme", repo: "shop", issue_number: preview.pr, body: \`Preview: \${preview.url}\`,
      }),
    );
    if (comment.status !== 201) {
      throw new PermanentFailure({ tried: "commenting", happened: "no comment was made", remedy: "Look at GitHub." });
    }
    for (const label of body.labels) {
      await step(\`label \${label}\`, () =>
        github.request("POST /repos/{owner}/{repo}/issues/{issue_number}/labels", {
          owner: "acme", repo: "shop", issue_number: preview.pr, labels: [label],
        }),
      );
    }
    log.info("announced", preview);
    return preview;
  },
});
`;
}
