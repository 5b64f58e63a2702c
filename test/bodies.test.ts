import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { before, describe, it, type TestContext } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { startGitHub } from "../sandbox/github.ts";
import { temporaryFolder } from "./support/folder.ts";
import { dispatchTo, fixedPort, listening, spawnService } from "./support/process.ts";
import { release } from "./support/release.ts";
import { deploy, TARGET, TOKEN } from "./support/service.ts";
import { workflowsFolder } from "./support/workflows.ts";

/** What the container may use in total. The Dockerfile has Node's memory flags. */
const CONTAINER_MIB = 128;
const FLAGS = ["--max-old-space-size=44", "--max-semi-space-size=1"];

/** A request may take 20 s. A busy machine does not read a million chunks in that time, so this test allows more. */
const PATIENT = `
  import http from "node:http";
  import { syncBuiltinESMExports } from "node:module";
  const { createServer } = http;
  http.createServer = (options, ...rest) => createServer({ ...options, requestTimeout: 200_000 }, ...rest);
  syncBuiltinESMExports();`;

const FILES = {
  "labels.ts": `import { defineWorkflow } from "gh-runner";
export default defineWorkflow({ name: "labels", on: { github: { events: "pull_request" } }, async run() {} });
`,
  "flux.ts": `import { defineWorkflow } from "gh-runner";
export default defineWorkflow({ name: "flux", on: { flux: { path: "/flux" } }, async run() {} });
`,
};

let bundle: string;
before(async () => {
  bundle = release();
});

async function startOpen(t: TestContext) {
  const github = await startGitHub();
  t.after(() => github.close());
  github.token(TOKEN);
  github.repository(TARGET);
  deploy(github, "pr-1", "abc");
  const port = await fixedPort();
  const settings = {
    WORKFLOWS_DIR: workflowsFolder(t, FILES),
    GITHUB_WEBHOOK_SECRET: "a secret of the webhook's",
    FLUX_HMAC_KEY: "a key of the notifications",
  };
  const command = [...FLAGS, `--import=data:text/javascript,${encodeURIComponent(PATIENT)}`, bundle, "serve"];
  const service = spawnService(t, { port, dataDir: temporaryFolder(t), githubUrl: github.url, command, settings });
  await listening(service, port);
  const lives = () => assert.equal(service.child.exitCode ?? service.child.signalCode, null, service.output());
  /** What only the process uses, MiB, without the pages of Node's binary. */
  const usedMiB = () => {
    const status = readFileSync(`/proc/${service.child.pid}/status`, "utf8");
    return Number(/^RssAnon:\s+(\d+) kB$/m.exec(status)?.[1]) / 1024;
  };
  return { port, lives, usedMiB, github };
}

/** Begins a request with these headers. */
async function begin(t: TestContext, port: number, path: string, headers: string): Promise<Socket> {
  const socket = connect({ port, host: "127.0.0.1" });
  t.after(() => void socket.destroy());
  socket.on("error", () => {});
  await once(socket, "connect");
  socket.write(`POST ${path} HTTP/1.1\r\nHost: here\r\n${headers}\r\n\r\n`);
  return socket;
}

async function written(socket: Socket, text: string): Promise<void> {
  if (!socket.destroyed && !socket.write(text)) await Promise.race([once(socket, "drain"), once(socket, "close")]);
}

describe("bodies of senders that are not authenticated yet", {
  skip: process.platform !== "linux" && "memory is read from Linux's /proc",
}, () => {
  for (const [path, bytes, count] of [
    ["/dispatch", 65_000, 20],
    ["/flux", 65_000, 20],
    ["/webhooks/github", 500_000, 3],
  ] as const) {
    it(`cost no more than their size when they come byte by byte: ${path}`, async (t) => {
      const { port, lives, usedMiB } = await startOpen(t);
      const sockets = await Promise.all(
        Array.from({ length: count }, async () => {
          const socket = await begin(t, port, path, "Transfer-Encoding: chunked");
          for (let sent = 0; sent < bytes; sent += 5000) await written(socket, "1\r\nx\r\n".repeat(5000));
          return socket;
        }),
      );
      lives();
      const answers = sockets.map(async (socket) => {
        const answered = once(socket, "data");
        socket.write("0\r\n\r\n");
        return String((await answered)[0]).slice(0, 12);
      });
      const rejected = path === "/dispatch" ? "HTTP/1.1 400" : "HTTP/1.1 401";
      assert.deepEqual(new Set(await Promise.all(answers)), new Set([rejected]));
      assert.ok(usedMiB() < CONTAINER_MIB, `${usedMiB()} MiB`);
    });
  }

  for (const [path, bytes, count] of [
    ["/webhooks/github", 2_000_000, 100],
    ["/dispatch", 65_000, 450],
  ] as const) {
    it(`stay within one limit together, while small ones are accepted: ${path}`, async (t) => {
      const { port, lives, usedMiB, github } = await startOpen(t);
      const body = "x".repeat(bytes - 10);
      const sockets: Socket[] = [];
      for (let n = 0; n < count; n++) {
        const socket = await begin(t, port, path, `Content-Length: ${bytes}`);
        sockets.push(socket);
        await Promise.race([written(socket, body), wait(2000, undefined, { ref: false })]);
      }
      lives();
      assert.ok(usedMiB() < CONTAINER_MIB, `${usedMiB()} MiB`);
      assert.equal((await dispatchTo(port, { application: "pr-1" }))?.status, 200);
      assert.equal(github.dispatches.length, 1);
      // A late caller gets this answer and may send again.
      const last = sockets.at(-1)!;
      last.write("x".repeat(10));
      const [answer] = await once(last, "data");
      assert.match(
        String(answer),
        /^HTTP\/1\.1 503 .*retry-after: 1\r\n.*Too many large bodies arrive at the same time/is,
      );
      for (const socket of sockets) socket.destroy();
      // The server sees the closed connections in the next turns. Then there is room again.
      let rejected = "";
      for (let tries = 0; tries < 50 && !/^HTTP\/1\.1 40[01] /.test(rejected); tries++) {
        const again = await begin(t, port, path, `Content-Length: ${bytes}`);
        await written(again, "x".repeat(bytes));
        rejected = String(await once(again, "data"));
      }
      assert.match(rejected, /^HTTP\/1\.1 40[01] /);
    });
  }
});
