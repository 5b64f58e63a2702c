import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import { documentOf } from "./support/documents.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
/** Within the repository, where `gh-runner` means its sources. */
const FOLDER = join(ROOT, "test", `.document-${process.pid}`);

const document = readFileSync(join(ROOT, "docs/workflows.md"), "utf8");
const blocks = [...document.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, block = ""]) => block);

/** The workflow of the README, which one of the tests is about. */
const LABEL = documentOf("README.md").blocks.find(({ text }) => text.includes('"label-new-pull-requests"'))?.text ?? "";

/** What follows the blocks that run a test. */
const HOLDS = 'if (run.status !== "success" || sent.length !== 1) throw new Error(JSON.stringify({ run, sent }));\n';

/** A file name for each block, and the block as a file: fragments get around them what the page leaves out. */
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

describe("every TypeScript block of docs/workflows.md", () => {
  before(() => {
    mkdirSync(FOLDER, { recursive: true });
    for (const [name, text] of files) writeFileSync(join(FOLDER, name), text);
    writeFileSync(join(FOLDER, "label-new-pull-requests.ts"), LABEL);
    const config = { extends: "../../tsconfig.json", include: ["*.ts"] };
    writeFileSync(join(FOLDER, "tsconfig.json"), JSON.stringify(config));
  });
  after(() => rmSync(FOLDER, { recursive: true, force: true }));

  it("is of a kind that this test knows", () => {
    assert.ok(blocks.length >= 8);
    assert.equal(files.filter(([name]) => name === "comment-preview-url.ts").length, 1);
  });

  it("has the right types", () => {
    const tsc = join(ROOT, "node_modules/typescript/bin/tsc");
    execFileSync(process.execPath, [tsc, "-p", FOLDER], { encoding: "utf8" });
  });

  for (const [name] of files) {
    it(`does what the page says: ${name}`, async () => {
      const { default: exported } = await import(pathToFileURL(join(FOLDER, name)).href);
      if (typeof exported === "function") assert.throws(exported, { name: "PermanentFailure" });
      else if (exported !== undefined) assert.ok(exported.name && exported.run);
    });
  }
});
