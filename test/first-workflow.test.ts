import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { it } from "node:test";
import { fileURLToPath } from "node:url";
import { startGitHub } from "../sandbox/github.ts";
import { documentOf } from "./support/documents.ts";
import { temporaryFolder } from "./support/folder.ts";
import { eventually, fixedPort, listening } from "./support/process.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

it("docs/first-workflow.md works block by block and shows what is printed", { timeout: 240_000 }, async (t) => {
  const { blocks } = documentOf("docs/first-workflow.md");
  const [init, written, dev, offered, workflow, curl, answered, received, test, runTest, passed, ...rest] = blocks;
  const [dryRun, printed, serve, list, listed, argocd, ...more] = rest;
  assert.ok(init && written && dev && offered && workflow && curl && answered && received);
  assert.ok(test && runTest && passed && dryRun && printed && serve && list && listed && argocd);
  assert.deepEqual(more, []);

  const github = await startGitHub();
  t.after(() => github.close());
  github.token("github_pat_yours");
  github.repository("acme/shop").openPull({ number: 7 });

  // In the checkout, as in the document, but not in `workflows`, which a reader may have.
  const folder = mkdtempSync(join(ROOT, "test", ".first-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const port = String(await fixedPort());
  const env = {
    PATH: process.env.PATH,
    GITHUB_API_URL: github.url,
    DATA_DIR: temporaryFolder(t),
    HOST: "127.0.0.1",
    PORT: port,
    GH_RUNNER_URL: `http://127.0.0.1:${port}`,
    LOG_LEVEL: "warn",
  };
  const ours = (line: string) =>
    line.replace(/\bworkflows(?=[/ ])/, `test/${basename(folder)}`).replace("localhost:9555", `127.0.0.1:${port}`);

  async function shell({ text }: { text: string }, more: Record<string, string> = {}) {
    const child = spawn("sh", ["-c", ours(text)], { cwd: ROOT, env: { ...env, ...more } });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (each) => {
        output += each;
      });
    }
    const [code] = await once(child, "close");
    return { code, output };
  }

  function start({ text }: { text: string }, more: Record<string, string> = {}) {
    const child = spawn("sh", ["-c", ours(text).replace("node ", "exec node ")], {
      cwd: ROOT,
      env: { ...env, ...more },
    });
    t.after(() => void child.kill("SIGKILL"));
    let output = "";
    child.stdout.setEncoding("utf8").on("data", (each) => {
      output += each;
    });
    const ended = once(child, "close");
    return { child, output: () => output, ended };
  }
  const replace = ({ file = "", text }: { file?: string | undefined; text: string }) => {
    readFileSync(join(folder, file));
    writeFileSync(join(folder, file), text);
  };
  const call = () => shell({ text: curl.text.replace("curl", "curl -s") });

  const initialized = await shell(init, { WORKFLOWS_DIR: folder });
  assert.equal(initialized.code, 0, initialized.output);
  assert.ok(initialized.output.replaceAll(folder, "workflows").startsWith(written.text), initialized.output);
  const development = start(dev, { WORKFLOWS_DIR: folder });
  await eventually("it has started", 60_000, () => development.output().includes("Ctrl-C ends it."));
  assert.ok(development.output().includes(offered.text.replace("9555", port)), development.output());
  replace(workflow);
  await eventually("it is loaded again", 60_000, () => development.output().includes("Reloaded"));
  assert.equal(`${(await call()).output}\n`, answered.text);
  assert.ok(development.output().includes(received.text), development.output());
  development.child.kill("SIGINT");
  await development.ended;
  assert.equal(github.dispatches.length, 0);

  replace(test);
  const tested = await shell(runTest);
  assert.equal(tested.code, 0, tested.output);
  const withoutTimes = (text: string) => text.replaceAll(/\([\d.]+ms\)/g, "");
  assert.ok(withoutTimes(tested.output).startsWith(withoutTimes(passed.text)), tested.output);
  assert.match(tested.output, /pass 2/);

  const dry = await shell(dryRun, { LOG_LEVEL: "silent" });
  assert.equal(dry.output.replace(github.url, "https://api.github.com"), printed.text);
  assert.equal(github.dispatches.length, 0);

  const service = start(serve);
  await listening(service, Number(port));
  assert.equal(`${(await call()).output}\n`, answered.text);
  assert.deepEqual(
    github.dispatches.map(({ eventType, payload }) => [eventType, payload.application]),
    [["preview_ready", "pr-7"]],
  );
  const alike = (text: string) => text.replaceAll(/[\da-f]{8}-[\da-f-]{27}|\d+m?s\b/g, "").replaceAll(/\s+/g, " ");
  assert.equal(alike((await shell(list)).output), alike(listed.text));
  service.child.kill("SIGTERM");
  await service.ended;

  assert.equal(readFileSync(join(folder, "announce-preview.argocd.yaml"), "utf8"), argocd.text);
});
