import { once } from "node:events";
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import type { TestContext } from "node:test";
import type { GitHubHost } from "../../src/github/ask.ts";
import { tokenCredentials } from "../../src/github/auth/credentials.ts";
import { type GitHubOfAttempt, gitHubFor } from "../../src/github/client.ts";
import { openGitHubHttp } from "../../src/github/http.ts";
import { knownSecrets } from "../../src/observe/secrets.ts";
import { gitHubHost } from "./github.ts";

export type Received = {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
};

/** An answer: JSON with status 200 or another, or an incomplete answer. */
export type Scripted =
  | { readonly status?: number; readonly headers?: Readonly<Record<string, string>>; readonly json?: unknown }
  | "reset"
  | "hang"
  | "cut";

type Options = Partial<Pick<GitHubHost, "now" | "incidents">> & {
  readonly timeoutMs?: number;
  /** Path of the API, such as `/api/v3`. */
  readonly base?: string;
};

/** A GitHub that gives the test's answers over a real socket, and a client of it. Both end with the test. */
export async function scriptedGitHub(
  t: TestContext,
  answer: (request: Received) => Scripted,
  { base = "", ...options }: Options = {},
) {
  const requests: Received[] = [];
  const server = createServer(async (incoming, outgoing) => {
    let body = "";
    for await (const chunk of incoming) body += chunk;
    const { method = "", url = "", headers } = incoming;
    const { pathname: path, searchParams: query } = new URL(url, "http://github");
    const request = { method, path, query, headers, body };
    requests.push(request);
    const scripted = answer(request);
    if (scripted === "hang") return;
    if (scripted === "reset") {
      incoming.socket.resetAndDestroy();
      return;
    }
    if (scripted === "cut") {
      outgoing.writeHead(200, { "content-length": "9" }).write("{");
      setTimeout(() => incoming.socket.destroy(), 20);
      return;
    }
    const { status = 200, headers: more, json } = scripted;
    outgoing.sendDate = more?.date !== "";
    const given = Object.fromEntries(Object.entries(more ?? {}).filter(([, value]) => value !== ""));
    outgoing.writeHead(status, { "content-type": "application/json; charset=utf-8", ...given });
    outgoing.end(json === undefined ? undefined : JSON.stringify(json));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const apiUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}${base}`;
  return { requests, apiUrl, ...clientOf(t, apiUrl, options) };
}

/** A client of the GitHub at this address. */
export function clientOf(t: TestContext, apiUrl: string, { timeoutMs, ...given }: Options = {}): GitHubOfAttempt {
  const http = openGitHubHttp({ apiUrl, userAgent: "test", brief: knownSecrets([]).brief, timeoutMs });
  t.after(() => http.close());
  const host = gitHubHost({ apiUrl, send: http.send, ...given });
  return gitHubFor(host, { credentials: tokenCredentials("token"), name: "test" });
}
