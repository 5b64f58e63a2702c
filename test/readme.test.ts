import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, globSync, readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import manifest from "../package.json" with { type: "json" };

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const readme = readFileSync(`${ROOT}/README.md`, "utf8");

async function shell(command: string): Promise<{ code: number; output: string }> {
  const child = spawn("sh", ["-c", command], { cwd: ROOT });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text) => {
      output += text;
    });
  }
  const [code] = await once(child, "close");
  return { code, output };
}

describe("the README", () => {
  it("shows only npm scripts that exist", () => {
    for (const [, script = ""] of readme.matchAll(/`?npm run ([\w:-]+)/g)) {
      assert.ok(script in manifest.scripts, script);
    }
  });

  it("links only to files that exist", () => {
    const documents = globSync(["*.md", "docs/**/*.md", "bench/*.md"], { cwd: ROOT });
    for (const document of documents) {
      const folder = new URL(document, `file://${ROOT}/`);
      for (const [, link = ""] of readFileSync(`${ROOT}/${document}`, "utf8").matchAll(
        /\]\((?!https?:|#|mailto:)([^)#]+)/g,
      )) {
        assert.ok(existsSync(new URL(link, folder)), `${document}: ${link}`);
      }
    }
  });

  it("has a demo that a newcomer can run, and the curl line that it prints works", async () => {
    const once_ = await shell("PORT=0 npm run -s demo -- --once");
    assert.equal(once_.code, 0, once_.output);
    assert.equal(once_.output.match(/answer {8}200 /g)?.length, 3);
    assert.equal(once_.output.match(/GitHub got {4}environment_ready for acme\/shop/g)?.length, 2);

    const demo = spawn(process.execPath, ["sandbox/demo.ts"], { cwd: ROOT, env: { ...process.env, PORT: "0" } });
    let output = "";
    demo.stdout.setEncoding("utf8").on("data", (text) => {
      output += text;
    });
    while (!/ {2}curl .*\n/.test(output)) await once(demo.stdout, "data");
    const tried = await shell(/ {2}(curl .*)\n/.exec(output)?.[1] ?? "false");
    assert.match(tried.output, /"status":"success".*"sourceName":"pr-3456"/);
    demo.kill("SIGINT");
    assert.deepEqual(await once(demo, "close"), [0, null]);
  });
});
