import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, globSync, readFileSync } from "node:fs";
import { describe, it, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import manifest from "../package.json" with { type: "json" };
import { CHAIN_FILES, chainDrawing } from "../scripts/chain-drawing.ts";
import { temporaryFolder } from "./support/folder.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const readme = readFileSync(`${ROOT}/README.md`, "utf8");

/** Every command in a block of the README. To add one, test it here. */
const COMMANDS = {
  curl: `curl -d '{"application":"pr-1234"}' localhost:9555/dispatch`,
  start: "TARGET_REPO=acme/shop DEPLOYMENT_REPO=acme/deployment GITHUB_TOKEN=github_pat_yours npm start",
} as const;

/** Commands of CONTRIBUTING.md and docs/operations.md. */
const ELSEWHERE = {
  demoOnce: "npm run demo -- --once",
  build: "npm run build",
  serve: "node dist/gh-runner.js serve",
} as const;

/** What test/container.test.ts does with podman. */
const IN_CONTAINERS = [
  "docker build -t gh-runner .",
  "docker run --name gh-runner --stop-timeout 30 -p 9555:9555 -v gh-runner:/data -e TARGET_REPO=acme/shop " +
    "-e DEPLOYMENT_REPO=acme/deployment -e GITHUB_TOKEN=github_pat_yours gh-runner",
];

const RUN_BY_CI = ["npm ci && npm run demo", "npm cit", "npm run check"];

/** GitHub's anchors of the headings of a document. */
function anchorsOf(markdown: string): ReadonlySet<string> {
  const headings = markdown.replaceAll(/^```[\s\S]*?^```/gm, "").matchAll(/^#+ (.*)$/gm);
  return new Set(
    [...headings].map(([, heading = ""]) =>
      heading
        .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, "$1")
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N}\s_-]/gu, "")
        .replaceAll(" ", "-"),
    ),
  );
}

describe("the README", () => {
  it("has at most 220 lines", () => {
    assert.ok(readme.trimEnd().split("\n").length <= 220);
  });

  it("shows only npm scripts that exist", () => {
    for (const [, script = ""] of readme.matchAll(/`?npm run ([\w:-]+)/g)) {
      assert.ok(script in manifest.scripts, script);
    }
  });

  it("links only to files that exist, and to headings that they have, like every document", () => {
    const documents = globSync(["*.md", "docs/**/*.md", "bench/*.md", "examples/**/*.md"], { cwd: ROOT });
    for (const document of documents) {
      const here = new URL(document, `file://${ROOT}/`);
      const text = readFileSync(here, "utf8");
      for (const [, image = ""] of text.matchAll(/\b(?:src|srcset)="(?!https?:)([^"]+)"/g)) {
        assert.ok(existsSync(new URL(image, here)), `${document}: ${image}`);
      }
      for (const [, link = "", heading] of text.matchAll(/\]\((?!https?:|mailto:)([^)#\s]*)(?:#([^)\s]+))?\)/g)) {
        const file = new URL(link || document.slice(document.lastIndexOf("/") + 1), here);
        assert.ok(existsSync(file), `${document}: ${link}`);
        if (heading === undefined) continue;
        assert.ok(anchorsOf(readFileSync(file, "utf8")).has(heading), `${document}: ${link}#${heading}`);
      }
    }
  });

  it("lists every section of the reference at its beginning, in order", () => {
    const text = readFileSync(`${ROOT}/docs/workflows.md`, "utf8");
    const [, contents = ""] = /^On this page[^\n]*\n\n([\s\S]*?)\n\n## /m.exec(text) ?? [];
    const listed = [...contents.matchAll(/\]\(#([^)]*)\)/g)].map(([, anchor]) => anchor);
    assert.deepEqual(listed, [...anchorsOf(text.replace(/^# .*$/m, ""))]);
  });

  it("has only commands that are executed, here or by CI", () => {
    const lines = [...readme.matchAll(/```sh\n([\s\S]*?)```/g)].flatMap(([, block = ""]) => block.trim().split("\n"));
    assert.deepEqual(new Set(lines), new Set([...Object.values(COMMANDS), ...IN_CONTAINERS, ...RUN_BY_CI]));
  });

  it("shows the demo's answer to its curl line", async (t) => {
    const demo = start(t, "node sandbox/demo.ts", { PORT: "0" });
    const printed = await demo.said(/ {2}(curl .*localhost:(\d+)\/dispatch)\n/);
    const [, line = "", port = ""] = printed;
    assert.match((await shell(line)).output, /"status":"success".*"sourceName":"pr-3456"/);
    const { output } = await shell(COMMANDS.curl.replace("9555", port));
    const [answer = ""] = /\{"status":"success".*\}/.exec(output) ?? [];
    assert.ok(readme.includes(`\`${answer}\``), answer);
    assert.match(answer, /"sourceName":"pr-1234"/);
    assert.equal(await demo.stop("SIGINT"), 0);
  });

  it(`has a command that starts the service: ${COMMANDS.start}`, (t) => startsBy(t, COMMANDS.start));

  it("starts the service by npm start as this test does", () => {
    assert.equal(manifest.scripts.start, "exec node src/main.ts serve");
    assert.equal(manifest.scripts.demo, "exec node sandbox/demo.ts");
  });
});

describe("other documents", () => {
  it("have a demo that ends, with three answers and two events", async () => {
    const demo = await shell(ELSEWHERE.demoOnce, { PORT: "0" });
    assert.equal(demo.code, 0, demo.output);
    assert.equal(demo.output.match(/answer {8}200 /g)?.length, 3);
    assert.equal(demo.output.match(/GitHub got {4}environment_ready for acme\/shop/g)?.length, 2);
  });

  it(`have commands that build the release and start it: ${ELSEWHERE.serve}`, async (t) => {
    assert.equal((await shell(ELSEWHERE.build)).code, 0);
    await startsBy(t, ELSEWHERE.serve);
  });

  it("begin with who they are for and what a reader has at the end, and are all in the list", () => {
    const list = readFileSync(`${ROOT}/docs/README.md`, "utf8");
    const pages = globSync("docs/*.md", { cwd: ROOT }).filter((page) => page !== "docs/README.md");
    assert.ok(pages.length > 20);
    for (const page of [...pages, "bench/README.md", "examples/README.md"]) {
      const text = readFileSync(`${ROOT}/${page}`, "utf8").replace(/^<!--.*-->\n/, "");
      assert.match(text, /^# .+\n\nFor [\s\S]{10,400}?\bAt the end,? /, page);
      assert.ok(list.includes(`](${page.startsWith("docs/") ? page.slice(5) : `../${page}`})`), page);
    }
  });

  it("tell each decision on one page, in three parts, and list them all", () => {
    const files = globSync("docs/decisions/0*.md", { cwd: ROOT }).sort();
    const list = readFileSync(`${ROOT}/docs/decisions/README.md`, "utf8");
    assert.ok(files.length > 30);
    for (const file of files) {
      const text = readFileSync(`${ROOT}/${file}`, "utf8");
      const [title = ""] = text.split("\n");
      assert.match(title, new RegExp(`^# ${Number(file.split("/").at(-1)?.slice(0, 4))}\\. `), file);
      const parts = [...text.matchAll(/^## (.*)$/gm)].map(([, part]) => part);
      assert.deepEqual(parts.slice(0, 3), ["Context", "Decision", "Consequences"], file);
      assert.ok(text.split("\n").length <= 60, file);
      assert.ok(list.includes(`[${title.replace(/^# \d+\. /, "")}](${file.split("/").at(-1)})`), file);
    }
  });

  for (const theme of ["light", "dark"] as const) {
    it(`have the drawing of the chain from its script, for the ${theme} theme`, () => {
      assert.equal(readFileSync(`${ROOT}/${CHAIN_FILES[theme]}`, "utf8"), chainDrawing(theme), "npm run docs");
    });
  }
});

/** Checks that the command starts a healthy service, and that SIGTERM ends it. */
async function startsBy(t: TestContext, command: string): Promise<void> {
  const line = command.replace("npm start", "node src/main.ts serve");
  const service = start(t, line, { PORT: "0", HOST: "127.0.0.1", DATA_DIR: temporaryFolder(t) });
  const [, url = ""] = await service.said(/"url":"([^"]+)".*gh-runner is ready/);
  assert.equal(await (await fetch(`${url}/health`)).text(), '{"status":"healthy"}');
  assert.equal(await service.stop("SIGTERM"), 0);
}

async function shell(command: string, env: Record<string, string> = {}): Promise<{ code: number; output: string }> {
  const child = spawn("sh", ["-c", command], { cwd: ROOT, env: { ...process.env, ...env } });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text) => {
      output += text;
    });
  }
  const [code] = await once(child, "close");
  return { code, output };
}

/** Starts a command that stays up. `exec` lets signals reach it instead of its shell. */
function start(t: TestContext, command: string, env: Record<string, string>) {
  const line = command.replace(/^((?:\w+=\S+ )*)/, "$1exec ");
  const child = spawn("sh", ["-c", line], { cwd: ROOT, env: { ...process.env, ...env } });
  t.after(() => void child.kill("SIGKILL"));
  const ended = once(child, "close");
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text) => {
    output += text;
  });
  return {
    async said(pattern: RegExp): Promise<RegExpExecArray> {
      for (;;) {
        const match = pattern.exec(output);
        if (match) return match;
        if (child.exitCode !== null) throw new Error(`ended without saying ${pattern}: ${output}`);
        await Promise.race([once(child.stdout, "data"), ended]);
      }
    },
    async stop(signal: NodeJS.Signals): Promise<number | null> {
      child.kill(signal);
      const [code] = await ended;
      return code;
    },
  };
}
