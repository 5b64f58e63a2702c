import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, it, type TestContext } from "node:test";
import { gzipSync } from "node:zlib";
import { deploy, notify, send, startService, TOKEN } from "./support/service.ts";
import { httpWorkflow, workflowsFolder } from "./support/workflows.ts";

const HASH = "0123456789abcdef0123456789abcdef01234567";
const FILE = `global:\n  config:\n    DEPLOYMENT_TAG: ${HASH}\n`;
const RAW = "content-type: application/vnd.github.raw+json; charset=utf-8";

/** Answers the look-up of a light values file; the event is taken, and anything else is not there. */
async function gitHubThat(
  t: TestContext,
  answerFile: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<{ url: string; reads: number; dispatched: string[] }> {
  const seen = { url: "", reads: 0, dispatched: [] as string[] };
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    if (request.url?.endsWith("/dispatches")) {
      seen.dispatched.push(JSON.parse(body).client_payload.commitHash);
      response.writeHead(204).end();
    } else if (request.url?.includes("light")) {
      seen.reads++;
      answerFile(request, response);
    } else response.writeHead(404, { "content-type": "application/json" }).end('{"message":"Not Found"}');
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  seen.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/api/v3`;
  return seen;
}

/** Exactly these bytes, then the connection ends. */
const bytes =
  (...lines: string[]) =>
  ({ socket }: IncomingMessage) =>
    void socket.end(lines.join("\r\n"));

const CUT = FILE.slice(0, FILE.indexOf(HASH) + 7);

describe("an answer that ends early", () => {
  for (const [what, answer] of [
    ["with a length", bytes("HTTP/1.1 200 OK", RAW, `content-length: ${FILE.length}`, "", CUT)],
    ["in chunks", bytes("HTTP/1.1 200 OK", RAW, "transfer-encoding: chunked", "", CUT.length.toString(16), CUT, "")],
    ["without a length, to where the connection ends", bytes("HTTP/1.1 200 OK", RAW, "connection: close", "", CUT)],
    ["without a length, from HTTP/1.0", bytes("HTTP/1.0 200 OK", RAW, "", CUT)],
  ] as const) {
    it(`is not dispatched: ${what}`, async (t) => {
      const github = await gitHubThat(t, answer);
      const { url } = await startService(t, { settings: { GITHUB_API_URL: github.url } });
      const { status, json } = await notify(url, { application: "pr-1" });
      assert.deepEqual(github.dispatched, []);
      assert.equal(status, 500);
      assert.match(json.detail, /no complete answer|without its length/);
      assert.match(json.detail, /attempted again by itself/);
      assert.equal(github.reads, 3);
    });
  }

  it("and was a write's is not sent again: it has been carried out", async (t) => {
    let posts = 0;
    const github = await gitHubThat(t, () => {});
    const server = createServer((_request, { socket }) => {
      posts++;
      bytes(
        "HTTP/1.1 201 Created",
        "content-type: application/json",
        "connection: close",
        "",
        '{"id":7}',
      )({
        socket,
      } as IncomingMessage);
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    t.after(() => server.close());
    const { url } = await startService(t, {
      settings: {
        GITHUB_API_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
        WORKFLOWS_DIR: workflowsFolder(t, {
          "w.ts": httpWorkflow("w", 'return (await github.request("POST /repos/acme/shop/issues")).data;'),
        }),
      },
    });
    assert.equal((await send(url, { method: "POST", path: "/w", body: "{}" })).json.id, 7);
    assert.deepEqual([posts, github.reads], [1, 0]);
  });
});

describe("an answer of", () => {
  for (const [what, answer, detail] of [
    [
      "a page, in whatever case its type is written",
      (_request: IncomingMessage, response: ServerResponse) =>
        response.writeHead(200, { "content-type": "Text/HTML" }).end(FILE),
      /That is a page for people/,
    ],
    ...(["gzip", "br", "GZIP, br"] as const).map(
      (coding) =>
        [
          `an encoding that nobody asked for: ${coding}`,
          (request: IncomingMessage, response: ServerResponse) => {
            assert.equal(request.headers["accept-encoding"], "identity");
            response.writeHead(200, { "content-type": "text/plain", "content-encoding": coding }).end(gzipSync(FILE));
          },
          new RegExp(`GitHub answered 200\\. The answer is compressed \\(${coding}\\), which was not asked for`),
        ] as const,
    ),
  ] as const) {
    it(`${what} is not read as a file, and its remedy is its own`, async (t) => {
      const github = await gitHubThat(t, answer);
      const { url } = await startService(t, { settings: { GITHUB_API_URL: github.url } });
      const { status, json } = await notify(url, { application: "pr-1" });
      assert.equal(status, 500);
      assert.match(json.detail, detail);
      assert.deepEqual([github.reads, github.dispatched], [1, []]);
    });
  }
});

describe("what the network has no part in", () => {
  for (const [what, call, reason] of [
    [
      "a bad header",
      `github.request("GET /user", { headers: { "x-a": "a\\nb" } })`,
      /invalid x-a header.*Correct its headers/,
    ],
    [
      "a number that is no JSON",
      `github.request("POST /x", { n: 1n })`,
      /serialize a BigInt.*Correct its headers and parameters/,
    ],
    [
      "half a character",
      `github.request("GET /users/{name}", { name: "\\ud800" })`,
      /URI malformed.*Correct its headers/,
    ],
  ] as const) {
    it(`is never retried: ${what}`, async (t) => {
      const { url, github, waits } = await startService(t, {
        settings: { WORKFLOWS_DIR: workflowsFolder(t, { "w.ts": httpWorkflow("w", `await ${call};`) }) },
      });
      const { headers, json } = await send(url, { method: "POST", path: "/w", body: "{}" });
      assert.match(json.detail, reason);
      const run = (await send(url, { path: `/api/runs/${headers["x-run-id"]}` })).json;
      assert.deepEqual([run.status, run.attempts.length, waits, github.counts.requests], ["failure", 1, [], 0]);
    });
  }

  it("is never retried: a workflow's token with a line break", async (t) => {
    const { url, waits, logLines } = await startService(t, {
      settings: {
        BROKEN: "ghp_broken0123456789\nabcdefghijklm",
        WORKFLOWS_DIR: workflowsFolder(t, {
          "w.ts": httpWorkflow("w", `await github.request("GET /user");`, 'githubToken: "BROKEN",'),
        }),
      },
    });
    const { json } = await send(url, { method: "POST", path: "/w", body: "{}" });
    assert.match(json.detail, /The token holds characters that no token has, such as a line break: set it again\.$/);
    assert.deepEqual(waits, []);
    assert.ok(!logLines.join("").includes("ghp_broken"));
  });

  it("does not blame the repository for a 404 in a request of a workflow", async (t) => {
    const { url } = await startService(t, {
      settings: {
        WORKFLOWS_DIR: workflowsFolder(t, {
          "w.ts": httpWorkflow(
            "w",
            `await github.request("GET /repos/{owner}/{repo}/issues/{issue_number}", { owner: "acme", repo: "shop", issue_number: 9 });`,
          ),
        }),
      },
    });
    const { json } = await send(url, { method: "POST", path: "/w", body: "{}" });
    assert.match(json.detail, /404.*What it asks for does not exist, or the token cannot see it/);
    assert.doesNotMatch(json.detail, /acme\/shop does not exist/);
  });
});

describe("a token of an App's installation in its new form", () => {
  const token = `ghs_1234567_eyJ${"hbGciOiJSUzI1NiJ9".repeat(3)}.${"eyJpc3MiOiI".repeat(25)}.${"s-G_x".repeat(35)}`;
  /** Of an App that the service does not know. */
  const stranger = `ghs_7654321_eyJ${"0eXAiOiJKV1QiLCJh".repeat(3)}.${"eyJleHAiOjE".repeat(25)}.${"A_b-9".repeat(35)}`;

  it("stands nowhere, whole or in part", async (t) => {
    assert.ok(token.length > 500);
    const { github, url, logLines } = await startService(t, {
      settings: {
        GITHUB_TOKEN: token,
        WORKFLOWS_DIR: workflowsFolder(t, {
          "w.ts": httpWorkflow(
            "w",
            `const tokens = ${JSON.stringify([token, stranger])};
             log.info("with " + tokens, { in: { deep: tokens.map((each) => "x" + each) } });
             await step("a", () => tokens);
             throw new Error(tokens.map((each) => "clone of https://x-access-token:" + each + "@github.com/a/b").join());`,
          ),
        }),
      },
    });
    github.token(token);
    deploy(github, "pr-1", "abc");
    github.fault(
      { times: 1 },
      { kind: "status", status: 400, body: JSON.stringify({ message: `bad ${token} and ${stranger}` }) },
    );
    const answers = [
      await notify(url, { application: "pr-1" }),
      await notify(url, { application: `pr-${token}` }),
      await send(url, { method: "POST", path: "/w", body: "{}" }),
      await send(url, { path: "/api/runs" }),
      await send(url, { path: "/" }),
      await send(url, { path: "/metrics" }),
    ];
    const said = [...answers.map(({ text }) => text), ...logLines];
    for (const part of [TOKEN, token, ...token.split("."), stranger, ...stranger.split(".")]) {
      for (const text of said) assert.ok(!text.includes(part), text.slice(0, 500));
    }
    assert.equal((await notify(url, { application: "pr-1", github_token: token })).status, 200);
  });
});
