import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { type StandInGitHub, startGitHub } from "../sandbox/github.ts";
import contract from "./fixtures/contract.json" with { type: "json" };
import { fixedPort, listening } from "./support/process.ts";

/**
 * The contract of the Go service, replayed against this service, and against the Go service if REFERENCE_BIN names
 * its binary. Both get only its five variables.
 */

const TOKENS = { service: "ghp_serviceToken0123456789abcdefABCDEF", caller: "token-of-the-caller-0123456789" };
const MAIN = fileURLToPath(new URL("../src/main.ts", import.meta.url));
const { REFERENCE_BIN } = process.env;

type Exchange = {
  readonly name: string;
  readonly withoutGithubToken?: boolean;
  readonly files?: Readonly<Record<string, string>>;
  readonly faults?: readonly { readonly route: string; readonly status?: number; readonly reset?: boolean }[];
  readonly request: {
    readonly method: string;
    readonly path: string;
    readonly headers?: Readonly<Record<string, string>>;
    readonly body?: string;
  };
  readonly answer: {
    readonly status: number;
    readonly headers: Readonly<Record<string, string>>;
    readonly body?: string;
  };
  readonly github: {
    readonly reads: readonly string[];
    readonly dispatch: string | null;
    readonly credential?: "caller";
  };
};

const exchanges = contract.exchanges as unknown as readonly Exchange[];

const SERVICES = [
  { name: "this service", command: [process.execPath, MAIN, "serve"], isReference: false },
  ...(REFERENCE_BIN ? [{ name: "the Go service", command: [REFERENCE_BIN], isReference: true }] : []),
];

for (const { name, command, isReference } of SERVICES) {
  for (const withoutGithubToken of [false, true]) {
    describe(`the contract, replayed against ${name} with its five variables${withoutGithubToken ? ", GITHUB_TOKEN empty" : ""}`, () => {
      const folder = mkdtempSync(join(tmpdir(), "gh-runner-"));
      let github: StandInGitHub;
      let service: ChildProcess;
      let port: number;
      before(async () => {
        github = await startGitHub();
        for (const token of Object.values(TOKENS)) github.token(token);
        for (const repository of Object.values(contract.settings)) github.repository(repository);
        port = await fixedPort();
        service = await start(
          command,
          folder,
          {
            PORT: String(port),
            GITHUB_API_URL: github.url,
            ...contract.settings,
            GITHUB_TOKEN: withoutGithubToken ? "" : TOKENS.service,
          },
          port,
        );
      });
      after(async () => {
        if (service.exitCode === null && service.signalCode === null) {
          service.kill("SIGKILL");
          await once(service, "exit");
        }
        await github.close();
        rmSync(folder, { recursive: true, force: true });
      });

      for (const exchange of exchanges.filter((each) => (each.withoutGithubToken ?? false) === withoutGithubToken)) {
        it(exchange.name, async () => {
          prepare(github, exchange);
          const answer = await play(port, exchange);
          judgeAnswer(answer, exchange, isReference);
          judgeRequests(github, exchange, isReference);
        });
      }
    });
  }
}

describe("the written contract", () => {
  it("has every case of the contract, with each status", () => {
    const statuses = new Set(exchanges.map(({ answer }) => answer.status));
    assert.deepEqual([...statuses].sort(), [200, 400, 404, 405, 500]);
    assert.equal(new Set(exchanges.map(({ name }) => name)).size, exchanges.length);
  });
});

async function start(
  [file = "", ...args]: readonly string[],
  cwd: string,
  env: Record<string, string>,
  port: number,
): Promise<ChildProcess> {
  // A separate folder, so that only these variables decide where data goes.
  const child = spawn(file, args, { cwd, env, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
  }
  await listening({ child, output: () => output }, port);
  return child;
}

/** What the stand-in has and does. Every exchange has another application, so that later attempts do not disturb other exchanges. */
function prepare(github: StandInGitHub, { files = {}, faults = [] }: Exchange): void {
  github.clearFaults();
  github.requests.length = 0;
  const deployment = github.repository(contract.settings.DEPLOYMENT_REPO);
  for (const [path, text] of Object.entries(files)) deployment.put(path, text);
  for (const { route, status = 0, reset } of faults) {
    github.fault({ route }, reset ? { kind: "reset" } : { kind: "status", status });
  }
}

type Answer = { status: number; headers: Record<string, string | string[] | undefined>; body: Buffer };

/** As ArgoCD sends it, on a new connection. */
async function play(port: number, { request: { method, path, headers, body = "" } }: Exchange): Promise<Answer> {
  const bytes = Buffer.from(withTokens(body));
  const outgoing = request({
    host: "127.0.0.1",
    port,
    method,
    path,
    agent: false,
    headers: {
      "user-agent": "Go-http-client/1.1",
      "accept-encoding": "gzip",
      ...(method === "POST" ? { "content-length": String(bytes.byteLength) } : {}),
      ...headers,
    },
  });
  outgoing.end(bytes);
  const [incoming] = await once(outgoing, "response");
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk);
  return { status: incoming.statusCode, headers: incoming.headers, body: Buffer.concat(chunks) };
}

function judgeAnswer({ status, headers, body }: Answer, { answer, request }: Exchange, isReference: boolean): void {
  assert.equal(status, answer.status, body.toString());
  if (answer.headers.allow) assert.equal(headers.allow, answer.headers.allow);
  if (answer.body !== undefined) {
    // Go's json.Encoder ends its output with a newline that is not part of the JSON.
    const text = isReference ? body.toString().replace(/\n$/, "") : body.toString();
    assert.equal(text, answer.body);
  }
  if (isReference) return;
  for (const [name, value] of Object.entries(answer.headers)) assert.equal(headers[name], value);
  if (answer.body === undefined && request.method !== "HEAD") assert.equal(JSON.parse(String(body)).status, status);
  for (const token of Object.values(TOKENS)) assert.ok(!body.includes(token));
}

function judgeRequests(github: StandInGitHub, { github: expected, request }: Exchange, isReference: boolean): void {
  const mine = github.requests.filter(({ path, body }) => isAbout(`${decodeURIComponent(path)} ${body}`, request.body));
  const reads = mine.filter(({ method }) => method === "GET").map(({ path }) => decodeURIComponent(path));
  const prefix = `/repos/${contract.settings.DEPLOYMENT_REPO}/contents/`;
  for (const path of expected.reads) assert.ok(reads.includes(prefix + path), `${path} was not asked for: ${reads}`);
  if (expected.reads.length === 0) assert.deepEqual(github.requests, [], "GitHub was asked");

  const dispatches = mine.filter(({ method }) => method === "POST");
  const bodies = [...new Set(dispatches.map(({ body }) => body))];
  const canonical = (text: string) => (isReference ? JSON.stringify(JSON.parse(text)) : text);
  assert.deepEqual(bodies.map(canonical), expected.dispatch === null ? [] : [expected.dispatch]);
  for (const { path } of dispatches) assert.equal(path, `/repos/${contract.settings.TARGET_REPO}/dispatches`);

  const credential = TOKENS[expected.credential ?? "service"];
  for (const { headers } of mine) {
    assert.match(headers.authorization ?? "", /^(?:Bearer|token) /);
    assert.equal(headers.authorization?.split(" ")[1], credential);
  }
}

/** Attempts of earlier exchanges may still run. They are about other applications. */
function isAbout(text: string, body = ""): boolean {
  const name = /"application":"([^"]+)"/.exec(body)?.[1];
  return name !== undefined && text.includes(name);
}

const withTokens = (text: string) => text.replaceAll("{caller}", TOKENS.caller);
