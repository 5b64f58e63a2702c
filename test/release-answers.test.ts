import assert from "node:assert/strict";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { before, describe, it, type TestContext } from "node:test";
import fc from "fast-check";
import { startGitHub } from "../sandbox/github.ts";
import { Headers as LightHeaders } from "../src/http/web-classes.ts";
import { temporaryFolder } from "./support/folder.ts";
import { fixedPort, listening, spawnService } from "./support/process.ts";
import { release } from "./support/release.ts";
import { deploy, TARGET, TOKEN } from "./support/service.ts";

const OPERATOR = "operator-token-0123456789";

const asked = (method: string, path: string, body?: string, headers: readonly string[] = []): string => {
  const length = body === undefined ? [] : [`content-length: ${Buffer.byteLength(body)}`];
  return [
    `${method} ${path} HTTP/1.1`,
    "host: localhost",
    ...headers,
    ...length,
    "connection: close",
    "",
    body ?? "",
  ].join("\r\n");
};
const signed = (method: string, path: string, body?: string) =>
  asked(method, path, body, [`authorization: Bearer ${OPERATOR}`]);
const fromPage = (path: string, headers: readonly string[]) => asked("POST", path, "token=wrong", headers);

/** One of each kind of answer: JSON, problems, pages, files, redirects, cookies, streams, none. */
const REQUESTS: readonly string[] = [
  // The first page counts rejected requests, which are written later.
  ...["/", "/?status=failure", "/workflows", "/events", "/audit", "/previews", "/api/runs", "/api/me"].map((path) =>
    signed("GET", path),
  ),
  signed("HEAD", "/"),
  signed("GET", "/runs/none"),
  signed("GET", "/api/runs/none"),
  signed("GET", "/live/state"),
  asked("GET", "/health"),
  asked("HEAD", "/health"),
  asked("POST", "/health", "{}"),
  asked("GET", "/nothing"),
  asked("OPTIONS", "/dispatch"),
  asked("GET", "/dispatch"),
  asked("GET", "/api/runs"),
  asked("GET", "/openapi.json"),
  asked("GET", "/"),
  asked("GET", "/sign-in"),
  fromPage("/sign-in", ["content-type: application/x-www-form-urlencoded"]),
  fromPage("/sign-in", ["content-type: application/x-www-form-urlencoded", "sec-fetch-site: cross-site"]),
  ...[
    '{"application":"pr-1"}',
    '{"application":"main"}',
    '{"application":"pr-none"}',
    "[]",
    "",
    '{"application":1}',
  ].map((body) => signed("POST", "/dispatch", body)),
  signed("POST", "/dispatch", `{"application":"${"x".repeat(5000)}"}`),
  signed("POST", "/dispatch", `{"application":"${"x".repeat(70_000)}"}`),
  signed("POST", "/api/workflows/environment-ready/runs", "{}"),
  asked("POST", "/github", '{"zen":"Keep it."}', ["x-github-event: ping", "x-github-delivery: 1"]),
  "GET /health HTTP/1.1\r\nconnection: close\r\n\r\n",
  "GET /health HTTP/1.1\r\nhost: a b\r\nconnection: close\r\n\r\n",
  "GET /a\\b HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n",
];

async function answersOf(t: TestContext, command: readonly string[]): Promise<readonly string[]> {
  const github = await startGitHub({});
  t.after(() => github.close());
  github.token(TOKEN);
  github.repository(TARGET);
  deploy(github, "pr-1", "abc");
  const port = await fixedPort();
  const settings = { AUTH_TOKENS: `alice:operator:${OPERATOR}`, NAME: "Test", RETRY_HOURS: "0" };
  const service = spawnService(t, { port, dataDir: temporaryFolder(t), githubUrl: github.url, command, settings });
  await listening(service, port);
  const heard: string[] = [];
  for (const request of REQUESTS) heard.push(withoutChance(await answerTo(port, request), [port, github.url]));
  service.stop();
  assert.equal(await service.ended, 0);
  return heard;
}

async function answerTo(port: number, request: string): Promise<string> {
  const socket = connect({ port, host: "127.0.0.1" });
  await once(socket, "connect");
  // The socket is not ended: Node's server drops the answer of a socket that has ended before it.
  socket.write(request);
  return text(socket);
}

/** Removes what differs between starts: times, names of runs, ports, hashes. */
function withoutChance(answer: string, [port, github]: readonly [port: number, github: string]): string {
  return answer
    .replaceAll(github, "GITHUB")
    .replaceAll(String(port), "PORT")
    .replaceAll(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[0-9A-HJKMNP-TV-Z]{26}/g, "ID")
    .replaceAll(/\d{4}-\d\d-\d\d|\d\d:\d\d(:\d\d)?(\.\d+)?Z?|\w{3}, \d\d \w{3} \d{4}|\d+(\.\d+)? m?s\b/g, "TIME")
    .replaceAll(/\d{13}|data-revision="\w+"/g, "TIME")
    .replaceAll(/content-length: \d+/g, "content-length: N");
}

describe("the release", () => {
  before(() => void release());

  it("gives the same answers as the sources, byte for byte, with its lighter Response and Headers", async (t) => {
    const [fromRelease, fromSources] = await Promise.all([
      answersOf(t, ["dist/gh-runner.js", "serve"]),
      answersOf(t, ["src/main.ts", "serve"]),
    ]);
    for (const [at, answer] of fromSources.entries()) {
      assert.deepEqual(fromRelease[at]?.split("\n"), answer.split("\n"), `${REQUESTS[at]}`.slice(0, 200));
    }
  });
});

describe("the parts of Node that the release loads", () => {
  const NOT_NEEDED = ["internal/deps/undici/undici", "http2", "tls", "stream/web", "zlib", "worker_threads", "assert"];

  it("exclude fetch, TLS, HTTP/2, threads and zlib until something needs them; a page does not", async (t) => {
    const folder = temporaryFolder(t);
    const tell = join(folder, "tell.cjs");
    writeFileSync(tell, 'process.on("exit", () => console.log("LOADED " + process.moduleLoadList.join(" ")));');
    const github = await startGitHub({});
    t.after(() => github.close());
    const port = await fixedPort();
    const command = ["--require", tell, release(), "serve"];
    const service = spawnService(t, { port, dataDir: folder, githubUrl: github.url, command });
    await listening(service, port);
    for (const path of ["/health", "/", "/workflows", "/runs/none", "/api/runs"]) {
      assert.match(await answerTo(port, asked("GET", path)), /^HTTP\/1.1 (200|404) /);
    }
    service.stop();
    await service.ended;
    const [, loaded = ""] = /LOADED (.*)/.exec(service.output()) ?? [];
    assert.match(loaded, /NativeModule http /);
    for (const name of NOT_NEEDED) assert.doesNotMatch(`${loaded} `, new RegExp(`NativeModule ${name} `));
  });
});

describe("the headers of the release", () => {
  type Change = readonly ["append" | "set" | "delete", name: string, value: string];
  const names = fc.constantFrom("a", "B", "set-cookie", "Set-Cookie", "cookie", "x-y", "content-type", "", "a b", "ä");
  const values = fc.oneof(
    fc.constantFrom("", " a ", "\tb\r\n", "a\nb", "\0", "é", "€", "1, 2", "a=b; Path=/"),
    fc.string({ maxLength: 5 }),
  );
  const changes = fc.array(fc.tuple(fc.constantFrom("append", "set", "delete"), names, values), { maxLength: 12 });

  /** Their content after each change, or that it threw. */
  function history(headers: Headers | LightHeaders, made: readonly Change[]): unknown {
    const found = (ask: () => unknown): unknown => {
      try {
        return ask();
      } catch (error) {
        return (error as Error).name;
      }
    };
    const steps = made.map(([what, name, value]) => [
      found(() => (what === "delete" ? headers.delete(name) : headers[what](name, value))),
      found(() => headers.get(name)),
      found(() => headers.has(name)),
      [...headers],
      headers.getSetCookie(),
    ]);
    const told: unknown[] = [];
    headers.forEach((value, name) => void told.push([name, value]));
    return [steps, told, [...headers.keys()], [...headers.values()], [...headers.entries()]];
  }

  it("equal Node's after any changes, and as a copy", () => {
    fc.assert(
      fc.property(changes, (made) => {
        const [light, nodes] = [new LightHeaders({ A: "1", c: "2" }), new Headers({ A: "1", c: "2" })];
        assert.deepEqual(history(light, made as Change[]), history(nodes, made as Change[]));
        const [copy, nodesCopy] = [new LightHeaders(light), new Headers(nodes)];
        assert.deepEqual([...copy], [...nodesCopy]);
        copy.append("set-cookie", "of the copy");
        assert.deepEqual([...light], [...nodes]);
        assert.deepEqual([...new LightHeaders(nodes)], [...new Headers([...nodes])]);
      }),
    );
  });
});
