import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { TestContext } from "node:test";
import { temporaryFolder } from "./folder.ts";

/** A folder with these files, away from any node_modules. It is removed with the test. */
export function workflowsFolder(t: TestContext, files: Readonly<Record<string, string>>): string {
  const folder = temporaryFolder(t);
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  return folder;
}

/** A file with an http workflow of this name at `/{name}`. `body` is the body of its `run`; `options` come before it. */
export function httpWorkflow(name: string, body: string, options = ""): string {
  return `import { defineWorkflow, skip, TransientFailure } from "gh-runner";
import * as z from "zod";

export default defineWorkflow({
  name: "${name}",
  on: { http: { path: "/${name}", body: z.object({ n: z.number().optional() }) } },
  ${options}
  async run({ body, github, step, log, env, signal, sleep, waitFor, waitUntil, attempt, runId }) {
    ${body}
  },
});
`;
}
