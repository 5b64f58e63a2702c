import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { privateAuthority } from "../sandbox/certificates.ts";
import { startGitHub } from "../sandbox/github.ts";
import { documentOf } from "./support/documents.ts";
import { temporaryFolder } from "./support/folder.ts";
import { fixedPort, listening, spawnService } from "./support/process.ts";
import { release } from "./support/release.ts";
import { DEPLOYMENT, deploy, notify, send, TARGET, TOKEN } from "./support/service.ts";
import { httpWorkflow, workflowsFolder } from "./support/workflows.ts";

const [, shown = ""] = /^NODE_OPTIONS="(.*--permission .*)"$/m.exec(documentOf("docs/security.md").text) ?? [];

const REJECTED = /^The workflow threw Error: Access to this API has been restricted/;

describe("with the permissions of docs/security.md", () => {
  it("the heap is that of the image, whose options the variable replaces", () => {
    const dockerfile = readFileSync(new URL("../Dockerfile", import.meta.url), "utf8");
    const [, options = ""] = /NODE_OPTIONS="([^"]*)"/.exec(dockerfile) ?? [];
    assert.match(options, /--max-old-space-size=\d+/);
    for (const option of options.split(" ")) assert.ok(shown.split(" ").includes(option), option);
  });

  it("the service dispatches over TLS, and a workflow reaches no other file and no other program", async (t) => {
    const [secrets, elsewhere] = [temporaryFolder(t), temporaryFolder(t)];
    const authority = privateAuthority();
    const github = await startGitHub({ tls: authority.issue("127.0.0.1") });
    t.after(() => github.close());
    github.token(TOKEN);
    for (const repository of [DEPLOYMENT, TARGET]) github.repository(repository);
    deploy(github, "pr-1", "abc");
    writeFileSync(join(secrets, "token"), TOKEN);
    writeFileSync(join(elsewhere, "authority.pem"), authority.cert);

    const written = join(elsewhere, "written");
    const workflows = workflowsFolder(t, {
      "reads.ts": `import { readFileSync } from "node:fs";\n${httpWorkflow("reads", 'return { it: readFileSync("/etc/passwd", "utf8") };')}`,
      "writes.ts": `import { writeFileSync } from "node:fs";\n${httpWorkflow("writes", `writeFileSync(${JSON.stringify(written)}, "x");`)}`,
      "starts.ts": `import { execFileSync } from "node:child_process";\n${httpWorkflow("starts", 'execFileSync("id");')}`,
      "good.ts": httpWorkflow("good", "return { good: true };"),
    });
    release();
    const dataDir = join(temporaryFolder(t), "made-by-the-service");
    const folders: Record<string, string> = {
      "/app/": fileURLToPath(new URL("../dist/", import.meta.url)),
      "/data/": `${dataDir}/`,
      "/workflows/": `${workflows}/`,
      "/run/secrets/": `${secrets}/`,
    };
    const options = shown.replace(/(?<==)\/[a-z/]+(?=\*)/g, (folder) => folders[folder] ?? folder);
    const port = await fixedPort();
    const service = spawnService(t, {
      port,
      dataDir,
      githubUrl: github.url,
      command: ["dist/gh-runner.js", "serve"],
      settings: {
        NODE_OPTIONS: options,
        WORKFLOWS_DIR: workflows,
        // As on Kubernetes: it also looks for packages above the folder, where it has no permission.
        WORKFLOWS_RELOAD: "true",
        GITHUB_TOKEN: "",
        GITHUB_TOKEN_FILE: join(secrets, "token"),
        NODE_EXTRA_CA_CERTS: join(elsewhere, "authority.pem"),
      },
    });
    await listening(service, port);
    const url = `http://127.0.0.1:${port}`;

    assert.equal((await notify(url, { application: "pr-1" })).text.includes('"commitHash":"abc"'), true);
    assert.equal(github.dispatches.length, 1);
    const start = (name: string) => send(url, { method: "POST", path: `/${name}`, body: "{}" });
    for (const name of ["reads", "writes", "starts"]) {
      const { status, json } = await start(name);
      assert.equal(status, 500, name);
      assert.match(json.detail, REJECTED, name);
    }
    assert.equal(existsSync(written), false);
    assert.deepEqual((await start("good")).json, { status: "success", good: true });
    assert.equal((await send(url, { path: "/" })).status, 200);
    service.stop();
    assert.equal(await service.ended, 0);
  });
});
