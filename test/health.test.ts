import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { before, describe, it, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { release } from "./support/release.ts";
import { startService } from "./support/service.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

async function health(settings: Record<string, string>): Promise<{ code: number | null; said: string }> {
  const child = spawn(process.execPath, ["dist/health.js"], { cwd: ROOT, env: settings });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text) => {
      said += text;
    });
  }
  const [code] = await once(child, "close");
  return { code, said };
}

async function answering(t: TestContext, status: number): Promise<string> {
  const server = createServer((_, answer) => answer.writeHead(status).end()).listen(0, "127.0.0.1");
  t.after(() => server.close());
  await once(server, "listening");
  return String((server.address() as AddressInfo).port);
}

describe("dist/health.js, the health check of the container", () => {
  before(() => void release());

  for (const HOST of ["", "0.0.0.0", "127.0.0.1", "::", "::1"]) {
    it(`finds the service where it listens: HOST=${HOST}`, async (t) => {
      const { url } = await startService(t, { settings: { HOST } });
      const { port } = new URL(url);
      assert.deepEqual(await health({ HOST, PORT: port }), { code: 0, said: "" });
    });
  }

  it("uses a route without a token, and needs no readable secrets", async (t) => {
    const { url } = await startService(t, { settings: { AUTH_TOKENS: "first-token" } });
    const { port } = new URL(url);
    const settings = { AUTH_TOKENS_FILE: "/there/is/no/such/file", TARGET_REPO: "no repository" };
    assert.deepEqual(await health({ ...settings, PORT: port }), { code: 0, said: "" });
  });

  it("fails with a reason when nothing listens, or when something else answers", async (t) => {
    const port = await answering(t, 503);
    const unwell = await health({ PORT: port });
    assert.deepEqual(unwell, { code: 1, said: `gh-runner is not healthy at 127.0.0.1:${port}: it answers 503\n` });
    const gone = await health({ PORT: "1", HOST: "127.0.0.1" });
    assert.equal(gone.code, 1);
    assert.match(gone.said, /^gh-runner is not healthy at 127\.0\.0\.1:1: connect ECONNREFUSED .*\n$/);
  });
});
