import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { workflowsIn } from "../src/workflows/load/load-workflows.ts";
import { quantile, startBundle, startStandIn } from "./service.ts";

/**
 * The cost of fifty workflows in WORKFLOWS_DIR: time and CPU until ready, and idle memory, compared with a service
 * without any. Then the memory that remains after loading them again, as `gh-runner dev` does.
 */
const WORKFLOWS = 50;
const RELOADS = 20;
const STARTS = 7;

const folder = mkdtempSync(join(tmpdir(), "gh-runner-workflows-"));
for (let n = 0; n < WORKFLOWS; n++) writeFileSync(join(folder, `workflow-${n}.ts`), workflow(n));
const github = await startStandIn(0);

const without = await measure({});
const first = await measure({ WORKFLOWS_DIR: folder });
// Compiled code is kept in DATA_DIR. The usual start finds it there.
const kept = mkdtempSync(join(tmpdir(), "gh-runner-kept-"));
const again = await measure({ WORKFLOWS_DIR: folder, DATA_DIR: kept });
process.stdout.write("| | without | with 50, first start | with 50, started again | aim |\n|---|---|---|---|---|\n");
row("ready, median", "ready", "s", "0.2 s more");
row("CPU to ready, median", "cpu", "s", "");
row("private memory, idle", "memory", "MB", "20 MB more");
rmSync(kept, { recursive: true, force: true });
await github.stop();
process.stdout.write(`\nLoaded again: ${(await leftByReloads()).toFixed(1)} KB of heap per file and reload.\n`);
rmSync(folder, { recursive: true, force: true });

async function leftByReloads(): Promise<number> {
  const closing = new AsyncDisposableStack();
  const load = workflowsIn(folder, closing);
  await load();
  const before = heapUsed();
  for (let at = 0; at < RELOADS; at++) await load();
  const left = heapUsed() - before;
  await closing.disposeAsync();
  return left / RELOADS / WORKFLOWS / 1024;
}

function heapUsed(): number {
  gc?.();
  return process.memoryUsage().heapUsed;
}

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

function row(name: string, what: keyof typeof without, unit: string, aim: string): void {
  const shown = (value: number) => `${value.toFixed(unit === "s" ? 2 : 1)} ${unit}`;
  const more = (value: number) => `${shown(value)}, ${shown(value - without[what])} more`;
  process.stdout.write(
    `| ${name} | ${shown(without[what])} | ${more(first[what])} | ${more(again[what])} | ${aim} |\n`,
  );
}

/** About the length of a usual one, with a trigger, a schema and a few steps. */
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
