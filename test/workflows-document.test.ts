import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
/** In the repository, where `import "gh-runner"` finds the sources. */
const FOLDER = join(ROOT, "test", `.document-${process.pid}`);

/** The reference, and the tests of its workflows. */
const DOCUMENTS = ["docs/workflows.md", "docs/testing.md"];
const blocks = DOCUMENTS.flatMap((path) =>
  [...readFileSync(join(ROOT, path), "utf8").matchAll(/```ts\n([\s\S]*?)```/g)].map(([, block = ""]) => block),
);

/** Added to blocks that show a test with `run` and `sent`. */
const HOLDS = 'if (run.status !== "success" || sent.length !== 1) throw new Error(JSON.stringify({ run, sent }));\n';

/** A file name per block, and the block as a file. A fragment is wrapped in a whole workflow. */
const files = blocks.map((block, at): [string, string] => {
  const named = /^\/\/ workflows\/(\S+)\n/.exec(block)?.[1];
  if (named) return [named, block];
  if (block.startsWith("import ")) return [`block-${at}.ts`, `${block}${block.includes("{ run, sent }") ? HOLDS : ""}`];
  if (block.startsWith("on:")) {
    const imports = `import { defineWorkflow } from "gh-runner";\n${block.includes("z.") ? 'import * as z from "zod";\n' : ""}`;
    const run = block.includes("async run(") ? "" : "async run() {}";
    return [`block-${at}.ts`, `${imports}export default defineWorkflow({ name: "block-${at}",\n${block} ${run} });`];
  }
  return [`block-${at}.ts`, `import { PermanentFailure } from "gh-runner";\nexport default () => {\n${block}};`];
});

describe("every TypeScript block of docs/workflows.md and docs/testing.md", () => {
  before(() => {
    mkdirSync(FOLDER, { recursive: true });
    for (const [name, text] of files) writeFileSync(join(FOLDER, name), text);
    const config = { extends: "../../tsconfig.json", include: ["*.ts"] };
    writeFileSync(join(FOLDER, "tsconfig.json"), JSON.stringify(config));
  });
  after(() => rmSync(FOLDER, { recursive: true, force: true }));

  it("becomes a file", () => {
    assert.ok(blocks.length >= 8);
    assert.equal(files.filter(([name]) => name === "comment-preview-url.ts").length, 1);
  });

  it("passes the type check", () => {
    const tsc = join(ROOT, "node_modules/typescript/bin/tsc");
    execFileSync(process.execPath, [tsc, "-p", FOLDER], { encoding: "utf8" });
  });

  for (const [name, text] of files) {
    it(`runs: ${name}`, async () => {
      const { default: exported } = await import(pathToFileURL(join(FOLDER, name)).href);
      if (text.includes("export default () => {")) return assert.throws(exported, { name: "PermanentFailure" });
      const workflow = typeof exported === "function" ? exported({ deploymentRepo: "acme/deployment" }) : exported;
      if (workflow !== undefined) assert.ok(workflow.name && workflow.run);
    });
  }
});
