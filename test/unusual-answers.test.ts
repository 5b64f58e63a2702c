import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, it, type TestContext } from "node:test";
import { createServer as createTlsServer, getCACertificates, setDefaultCACertificates } from "node:tls";
import { gzipSync } from "node:zlib";
import { privateAuthority } from "../sandbox/certificates.ts";
import { noAnswer } from "../src/github/failures.ts";
import { deploy, notify, send, startService, TOKEN } from "./support/service.ts";
import { httpWorkflow, workflowsFolder } from "./support/workflows.ts";

const HASH = "0123456789abcdef0123456789abcdef01234567";
const FILE = `global:\n  config:\n    DEPLOYMENT_TAG: ${HASH}\n`;
const RAW = "content-type: application/vnd.github.raw+json; charset=utf-8";

/** Answers the look-up of a light values file. The event is accepted, and anything else is missing. */
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
      assert.match(json.detail, /no complete answer|the answer has no length/);
      assert.match(json.detail, /retried automatically/);
      assert.equal(github.reads, 3);
    });
  }

  it("to a write is not sent again: the write was executed", async (t) => {
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
      "a page, with its type in any case",
      (_request: IncomingMessage, response: ServerResponse) =>
        response.writeHead(200, { "content-type": "Text/HTML" }).end(FILE),
      /The answer is a web page/,
    ],
    ...(["gzip", "br", "GZIP, br"] as const).map(
      (coding) =>
        [
          `an encoding that was not requested: ${coding}`,
          (request: IncomingMessage, response: ServerResponse) => {
            assert.equal(request.headers["accept-encoding"], "identity");
            response.writeHead(200, { "content-type": "text/plain", "content-encoding": coding }).end(gzipSync(FILE));
          },
          new RegExp(
            `GitHub answered 200\\. The answer is compressed \\(${coding}\\), although gh-runner did not ask for that`,
          ),
        ] as const,
    ),
  ] as const) {
    it(`${what} is not read as a file, and has a specific remedy`, async (t) => {
      const github = await gitHubThat(t, answer);
      const { url } = await startService(t, { settings: { GITHUB_API_URL: github.url } });
      const { status, json } = await notify(url, { application: "pr-1" });
      assert.equal(status, 500);
      assert.match(json.detail, detail);
      assert.deepEqual([github.reads, github.dispatched], [1, []]);
    });
  }
});

it("204 to an event is a success, with any type that a proxy has added", async (t) => {
  const { github, url } = await startService(t);
  deploy(github, "pr-1", HASH);
  github.fault(
    { route: "POST /repos/{owner}/{repo}/dispatches" },
    { kind: "status", status: 204, headers: { "content-type": "text/html" } },
  );
  assert.equal((await notify(url, { application: "pr-1" })).status, 200);
});

describe("over HTTP/2, an answer without a length", () => {
  /** A GitHub that answers every request with a file, in handmade frames; `reset` ends their streams with that code. */
  async function overHttp2(t: TestContext, text: string, reset?: number) {
    const authority = privateAuthority();
    const before = getCACertificates("default");
    setDefaultCACertificates([...before, authority.cert]);
    t.after(() => setDefaultCACertificates(before));
    let requests = 0;
    const answer = (id: number) => [
      frame(HEADERS, END_HEADERS, id, Buffer.from([STATUS_200])),
      frame(DATA, reset === undefined ? END_STREAM : 0, id, Buffer.from(text)),
      ...(reset === undefined ? [] : [frame(RST_STREAM, 0, id, Buffer.from([0, 0, 0, reset]))]),
    ];
    const server = createTlsServer({ ...authority.issue("127.0.0.1"), ALPNProtocols: ["h2"] }, (socket) => {
      let unread = Buffer.alloc(0);
      let isGreeted = false;
      socket.on("error", () => {});
      socket.on("data", (chunk: Buffer) => {
        unread = Buffer.concat([unread, chunk]);
        if (!isGreeted && unread.length >= PREFACE_BYTES) {
          isGreeted = true;
          unread = unread.subarray(PREFACE_BYTES);
          socket.write(frame(SETTINGS, 0, 0));
        }
        while (isGreeted && unread.length >= 9 && unread.length >= 9 + unread.readUIntBE(0, 3)) {
          if (unread[3] === HEADERS) {
            requests++;
            socket.write(Buffer.concat(answer(unread.readUInt32BE(5))));
          }
          unread = unread.subarray(9 + unread.readUIntBE(0, 3));
        }
      });
      t.after(() => socket.destroy());
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    t.after(() => void server.close());
    const { port } = server.address() as AddressInfo;
    const { url } = await startService(t, { settings: { GITHUB_API_URL: `https://127.0.0.1:${port}/api/v3` } });
    return { detail: (await notify(url, { application: "pr-1" })).json.detail, requests: () => requests };
  }

  const [DATA, HEADERS, RST_STREAM, SETTINGS] = [0, 1, 3, 4];
  const [END_STREAM, END_HEADERS] = [1, 4];
  /** The entry of HPACK's static table. */
  const STATUS_200 = 0x88;
  const PREFACE_BYTES = 24;
  const [INTERNAL_ERROR, CANCEL] = [2, 8];

  function frame(type: number, flags: number, stream: number, payload = Buffer.alloc(0)): Buffer {
    const head = Buffer.alloc(9);
    head.writeUIntBE(payload.length, 0, 3);
    head[3] = type;
    head[4] = flags;
    head.writeUInt32BE(stream, 5);
    return Buffer.concat([head, payload]);
  }

  it("is used, because its end is marked: only the event fails, which gets no 204 here", async (t) => {
    const { detail, requests } = await overHttp2(t, FILE);
    assert.match(detail, /^Dispatching environment_ready to acme\/shop failed: GitHub answered 200/);
    assert.equal(requests(), 3);
  });

  for (const [what, code] of Object.entries({ INTERNAL_ERROR, CANCEL })) {
    it(`is not used when its stream is reset with ${what}`, async (t) => {
      const { detail, requests } = await overHttp2(t, CUT, code);
      assert.match(detail, /^Reading .* failed: no complete answer from /);
      assert.equal(requests(), 6, "light and heavy, three times");
    });
  }
});

describe("the list of transient errors", () => {
  const fails = (error: unknown) => {
    const attempted = { tried: "it", repository: "acme/shop", permission: "" };
    return noAnswer(attempted, "https://ghe.example", error).kind;
  };
  const coded = (code: string) => Object.assign(new Error("it failed"), { code });

  it("has each error of undici, or excludes it for a reason", () => {
    const NEVER: Record<string, string> = {
      UND_ERR: "the class of all others",
      UND_ERR_HEADERS_OVERFLOW: "the same answer comes again",
      UND_ERR_INVALID_ARG: "the request is wrong",
      UND_ERR_INVALID_RETURN_VALUE: "the code is wrong",
      UND_ERR_REQ_CONTENT_LENGTH_MISMATCH: "the code is wrong",
      UND_ERR_NOT_SUPPORTED: "the code is wrong",
      UND_ERR_BPL_MISSING_UPSTREAM: "of a pool that is not used",
      UND_ERR_RES_EXCEEDED_MAX_SIZE: "the same answer comes again",
      UND_ERR_REQ_RETRY: "of a handler that is not used",
      UND_ERR_RESPONSE: "of a handler that is not used",
      UND_ERR_REDIRECT_MAX: "of a handler that is not used",
      UND_ERR_MAX_ORIGINS_REACHED: "of an agent with a bound that is not used",
      UND_ERR_WS_MESSAGE_SIZE_EXCEEDED: "of WebSockets",
    };
    const source = readFileSync(new URL("../node_modules/undici/lib/core/errors.js", import.meta.url), "utf8");
    const codes = [...source.matchAll(/this\.code = '(UND_\w+)'/g)].map(([, code = ""]) => code);
    assert.ok(codes.length > 20);
    for (const code of codes) assert.equal(fails(coded(code)), code in NEVER ? "permanent" : "transient", code);
  });

  it("is checked in every cause, and not for errors about code, headers or addresses", () => {
    const fetchFailed = new TypeError("fetch failed", { cause: coded("ECONNRESET") });
    assert.equal(fails(fetchFailed), "transient");
    for (const code of [
      "ECONNREFUSED",
      "ENOTFOUND",
      "CERT_HAS_EXPIRED",
      "ERR_SSL_WRONG_VERSION_NUMBER",
      "HPE_INVALID_CONSTANT",
    ])
      assert.equal(fails(coded(code)), "transient", code);
    for (const code of [
      "ERR_INVALID_CHAR",
      "ERR_INVALID_URL",
      "ERR_INVALID_ARG_TYPE",
      "ENOENT",
      "toString",
      "constructor",
    ])
      assert.equal(fails(coded(code)), "permanent", code);
    for (const error of [new TypeError("x is not a function"), new RangeError("too deep"), undefined, null, "text", 7])
      assert.equal(fails(error), "permanent", String(error));
  });
});

describe("an error that is not from the network", () => {
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
    assert.match(json.detail, /The token contains characters that no token has, such as a line break: set it again\.$/);
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
    assert.match(json.detail, /404.*The request names something that does not exist or that the token cannot see/);
    assert.doesNotMatch(json.detail, /acme\/shop does not exist/);
  });
});

describe("a token of an App's installation in its new form", () => {
  const token = `ghs_1234567_eyJ${"hbGciOiJSUzI1NiJ9".repeat(3)}.${"eyJpc3MiOiI".repeat(25)}.${"s-G_x".repeat(35)}`;
  /** A token of an App that the service does not know. */
  const stranger = `ghs_7654321_eyJ${"0eXAiOiJKV1QiLCJh".repeat(3)}.${"eyJleHAiOjE".repeat(25)}.${"A_b-9".repeat(35)}`;

  it("appears nowhere, even in part", async (t) => {
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
