import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { privateAuthority } from "../../sandbox/certificates.ts";
import { startGitHub } from "../../sandbox/github.ts";
import { startRawFiles } from "../../sandbox/raw-files.ts";
import { temporaryFolder } from "../support/folder.ts";
import { dispatchTo, fixedPort, listening } from "../support/process.ts";
import { DEPLOYMENT, deploy, TARGET, TOKEN } from "../support/service.ts";
import { peer } from "./peers.ts";

describe("a service in Go that reads files from raw.githubusercontent.com", () => {
  it("uses the stand-in GitHub with HTTPS_PROXY and SSL_CERT_FILE, and does the job", async (t) => {
    const program = peer(t, "go-service");
    if (!program) return;
    const authority = privateAuthority();
    const github = await startGitHub({ tls: authority.issue("127.0.0.1"), http2: true });
    t.after(() => github.close());
    const raw = await startRawFiles(github, { authority });
    t.after(() => raw.close());
    github.token(TOKEN);
    github.repository(TARGET);
    deploy(github, "pr-1", "0012345");
    deploy(github, "pr-2", "1e10", "heavy");
    const certificate = join(temporaryFolder(t), "authority.pem");
    writeFileSync(certificate, authority.cert);
    const port = await fixedPort();
    const child = spawn(program, {
      stdio: ["ignore", "ignore", "inherit"],
      env: {
        PORT: String(port),
        HOST: "127.0.0.1",
        GITHUB_API_URL: github.url,
        GITHUB_TOKEN: TOKEN,
        TARGET_REPO: TARGET,
        DEPLOYMENT_REPO: DEPLOYMENT,
        HTTPS_PROXY: raw.proxy,
        SSL_CERT_FILE: certificate,
      },
    });
    t.after(() => child.kill());
    await listening({ child, output: () => "see above" }, port);

    for (const [application, commit] of [
      ["pr-1", "0012345"],
      ["pr-2", "1e10"],
    ] as const) {
      const answer = await dispatchTo(port, { application });
      assert.deepEqual(JSON.parse(answer?.text ?? ""), {
        status: "success",
        commitHash: commit,
        sourceName: application,
      });
    }
    assert.equal((await dispatchTo(port, { application: "pr-3" }))?.status, 404);
    assert.equal((await dispatchTo(port, { application: "main" }))?.status, 200);
    assert.deepEqual(
      github.dispatches.map(({ payload }) => payload),
      [
        { commitHash: "0012345", sourceName: "pr-1" },
        { commitHash: "1e10", sourceName: "pr-2" },
      ],
    );
    assert.deepEqual(
      github.requests.map(({ httpVersion, route }) => [httpVersion, route]),
      Array(2).fill(["2.0", "POST /repos/{owner}/{repo}/dispatches"]),
    );
  });
});
