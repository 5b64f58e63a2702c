import assert from "node:assert/strict";
import { before, describe, it } from "node:test";
import { startGitHub } from "../sandbox/github.ts";
import { startProxy } from "../sandbox/proxy.ts";
import { temporaryFolder } from "./support/folder.ts";
import { dispatchTo, eventually, fixedPort, listening, spawnService } from "./support/process.ts";
import { startReceiver } from "./support/receiver.ts";
import { release } from "./support/release.ts";
import { deploy, TARGET, TOKEN } from "./support/service.ts";

const DONE = '{"status":"success","commitHash":"abc","sourceName":"pr-1"}';

describe("the release, which has only parts of undici", () => {
  let bundle: string;
  before(async () => {
    bundle = release();
  });

  for (const way of ["straight", "by a proxy"]) {
    it(`reaches GitHub and other hosts ${way}`, async (t) => {
      const github = await startGitHub();
      t.after(() => github.close());
      github.token(TOKEN);
      github.repository(TARGET);
      deploy(github, "pr-1", "abc");
      const receiver = await startReceiver(t);
      const proxy = await startProxy();
      t.after(() => proxy.close());
      const port = await fixedPort();
      const service = spawnService(t, {
        ...{ port, dataDir: temporaryFolder(t), githubUrl: github.url, command: [bundle, "serve"] },
        settings: { NOTIFY_URL: receiver.url, ...(way === "by a proxy" ? { HTTP_PROXY: proxy.url } : {}) },
      });
      await listening(service, port);
      assert.equal((await dispatchTo(port, { application: "pr-1" }))?.text, DONE);
      // No such environment: a permanent failure, so a notice is sent.
      assert.equal((await dispatchTo(port, { application: "pr-2" }))?.status, 404);
      await eventually("the notice arrives", 60_000, () => receiver.received.length === 1);
      const { body = "", headers = {} } = receiver.received[0] ?? {};
      assert.match(body, /environment-ready for pr-2 failed/);
      assert.equal(headers["user-agent"], "undici");
      const { host } = new URL(receiver.url);
      assert.equal(proxy.targets.includes(host), way === "by a proxy");
      assert.equal(proxy.targets.includes(new URL(github.url).host), way === "by a proxy");
    });
  }
});
