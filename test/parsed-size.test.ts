import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { before, describe, it } from "node:test";
import { startGitHub } from "../sandbox/github.ts";
import { temporaryFolder } from "./support/folder.ts";
import { fixedPort, listening, spawnService } from "./support/process.ts";
import { release } from "./support/release.ts";
import { deploy, TARGET, TOKEN } from "./support/service.ts";
import { workflowsFolder } from "./support/workflows.ts";

/** The image's options of Node. */
const FLAGS = ["--max-old-space-size=44", "--max-semi-space-size=1"];
const SECRET = "the secret of the webhook";
const MB = 1_000_000;

/** Texts in which a few bytes become an object, repeated up to a size. */
const filled = (bytes: number, part: string) => part.repeat(Math.floor(bytes / part.length));

const HOSTILE_FILES = {
  "a list of numbers": `a: [${filled(600_000, "1,")}1]`,
  "a list of empty mappings": `a: [${filled(4 * MB, "{},")}{}]`,
  "a list under an anchor": `a: &a [${filled(4 * MB, "{},")}{}]`,
  "dashes under each other": `a:\n${filled(4 * MB, "-\n")}`,
  "dashes in one line": filled(600_000, "- "),
  "many documents": filled(4 * MB, "---\n"),
  "deep brackets": filled(600_000, "["),
  "many keys": `a:\n${Array.from({ length: 200_000 }, (_, at) => `  key${at}: 1`).join("\n")}`,
  "escapes in quotes": `a: "${filled(3 * MB, "\\x41")}"`,
  "doubled quotes": `a: '${filled(3 * MB, "''")}'`,
  "short lines in quotes": `a: "${filled(3 * MB, "a\n")}"`,
  "short lines without quotes": `a:\n${filled(3 * MB, " a\n")}`,
  "short lines of a block, one of them wide": `a: |\n €\n${filled(3 * MB, " a\n")}`,
  "many handles of tags": `${Array.from({ length: 250_000 }, (_, at) => `%TAG !${at}! x\n`).join("")}--- a`,
  "many aliases": `a: &a x\nb: [${filled(3 * MB, "*a,")}*a]`,
  "many keys in brackets": `a: {${filled(3 * MB, "a,")}a}`,
  "a list of merges": `a: &a {x: 1}\nglobal: {config: {<<: [${filled(4 * MB, "*a,")}*a]}}`,
  "a merge in each line": `a: &a {x: 1}\nglobal:\n  config:\n${filled(4 * MB, "    <<: *a\n")}`,
  "an alias under each key": `a: &a x\nglobal:\n${filled(4 * MB, "  k: *a\n")}`,
  "many anchors": `a:\n${Array.from({ length: 200_000 }, (_, at) => `- &a${at} x`).join("\n")}`,
};

const READER = `import { defineWorkflow } from "gh-runner";
export default defineWorkflow({
  name: "reader",
  on: { http: { path: "/reader", body: { safeParse: (data) => ({ success: true, data }) } } },
  async run({ github }) { return { length: (await github.request("GET /repos/acme/shop/topics")).data.length }; },
});`;

const HOOK = `import { defineWorkflow } from "gh-runner";
export default defineWorkflow({ name: "hook", on: { github: { events: "push" } }, run: async () => "ok" });`;

describe("a small text that needs much memory when it is parsed does not end the process", () => {
  let bundle: string;
  before(async () => {
    bundle = release();
  });

  it("with the heap of the image", { timeout: 600_000 }, async (t) => {
    const github = await startGitHub();
    t.after(() => github.close());
    github.token(TOKEN);
    github.repository(TARGET);
    deploy(github, "pr-good", "abc");
    const port = await fixedPort();
    const service = spawnService(t, {
      port,
      dataDir: temporaryFolder(t),
      githubUrl: github.url,
      command: [...FLAGS, bundle, "serve"],
      settings: {
        WORKFLOWS_DIR: workflowsFolder(t, { "reader.ts": READER, "hook.ts": HOOK }),
        GITHUB_WEBHOOK_SECRET: SECRET,
        // A busy machine takes longer than the 10 s after which a caller gets a 202.
        WAIT_SECONDS: "60",
      },
    });
    await listening(service, port);
    const post = async (path: string, body: string, headers: Record<string, string> = {}) => {
      const answer = await fetch(`http://127.0.0.1:${port}${path}`, { method: "POST", body, headers });
      return { status: answer.status, text: await answer.text() };
    };

    for (const [at, [what, file]] of Object.entries(HOSTILE_FILES).entries()) {
      github.repository("acme/deployment").put(`configs/pr/light/pr-${at}/values.yaml`, file);
      const { status, text } = await post("/dispatch", JSON.stringify({ application: `pr-${at}` }));
      assert.equal(status, 500, `${what}: ${text}`);
      assert.match(text, /the key is missing|not valid YAML|have an anchor/, what);
    }

    github.fault(
      { path: /topics$/ },
      {
        kind: "status",
        status: 200,
        body: `[${filled(2 * MB, "{},")}{}]`,
        headers: { "content-type": "application/json" },
      },
    );
    const read = await post("/reader", "{}");
    assert.equal(read.status, 500, read.text);
    assert.match(read.text, /more than \d+ values.*per_page/);

    const payload = `{"commits":[${filled(2 * MB - 100, "[],")}[]]}`;
    const signature = createHmac("sha256", SECRET).update(payload).digest("hex");
    const hooked = await post("/webhooks/github", payload, {
      "x-github-event": "push",
      "x-github-delivery": "1",
      "x-hub-signature-256": `sha256=${signature}`,
    });
    assert.equal(hooked.status, 413, hooked.text);
    assert.match(hooked.text, /more than \d+ values/);

    const good = await post("/dispatch", JSON.stringify({ application: "pr-good" }));
    assert.equal(good.status, 200, good.text);
    assert.equal(service.child.exitCode, null);
  });
});
