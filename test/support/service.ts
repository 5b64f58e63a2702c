import { once } from "node:events";
import { request } from "node:http";
import type { TestContext } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { type GitHubOptions, type StandInGitHub, startGitHub } from "../../sandbox/github.ts";
import { type RunningApp, startApp } from "../../src/service/app.ts";
import { readConfig } from "../../src/service/config/config.ts";
import type { AppOptions } from "../../src/service/ground.ts";
import { temporaryFolder } from "./folder.ts";

export const TOKEN = "ghp_serviceToken0123456789abcdefABCDEF";
export const DEPLOYMENT = "acme/deployment";
export const TARGET = "acme/shop";

export type LogRecord = Readonly<Record<string, unknown>>;

export type Service = {
  readonly github: StandInGitHub;
  readonly app: RunningApp;
  readonly url: string;
  /** Every log line so far, as text. */
  readonly logLines: readonly string[];
  log(): LogRecord[];
  /** How long the service waited between tries, ms. No time really passes. */
  readonly waits: number[];
};

/** The service as `startApp` starts it, in front of a stand-in GitHub that knows its token. Both end with the test. */
export async function startService(
  t: TestContext,
  {
    settings = {},
    github: gitHubOptions = {},
    options = {},
  }: { settings?: Record<string, string>; github?: GitHubOptions; options?: AppOptions } = {},
): Promise<Service> {
  const github = await startGitHub(gitHubOptions);
  t.after(() => github.close());
  github.token(TOKEN);
  github.repository(DEPLOYMENT);
  github.repository(TARGET);

  const logLines: string[] = [];
  const waits: number[] = [];
  const app = await startApp(
    readConfig({
      PORT: "0",
      HOST: "127.0.0.1",
      DATA_DIR: settings.DATA_DIR ?? temporaryFolder(t),
      GITHUB_API_URL: github.url,
      GITHUB_TOKEN: TOKEN,
      DEPLOYMENT_REPO: DEPLOYMENT,
      TARGET_REPO: TARGET,
      ...settings,
    }),
    {
      logTo: { write: (line: string) => void logLines.push(line) },
      wait: async (milliseconds) => void waits.push(milliseconds),
      ...options,
    },
  );
  t.after(() => app.close());
  return {
    github,
    app,
    url: app.url,
    logLines,
    waits,
    log: () => logLines.map((line) => JSON.parse(line) as LogRecord),
  };
}

/** Writes a values file with this tag (as YAML) to the path that is read for an application. */
export function deploy(
  github: StandInGitHub,
  application: string,
  tag: string,
  size: "light" | "heavy" = "light",
): void {
  github
    .repository(DEPLOYMENT)
    .put(`configs/pr/${size}/${application}/values.yaml`, `global:\n  config:\n    DEPLOYMENT_TAG: ${tag}\n`);
}

/** Resolves when GitHub got no request for some milliseconds, and everything is answered and stored. Then a clock may move. */
export async function requestsRest({
  github: { requests },
  app,
}: {
  readonly github: Pick<StandInGitHub, "requests">;
  readonly app: RunningApp;
}): Promise<void> {
  for (let calm = 0; calm < 3; ) {
    const before = requests.length;
    await wait(2);
    await app.engine.store.check();
    calm = requests.length === before && requests.every(({ status }) => status !== 0) ? calm + 1 : 0;
  }
}

export type HttpAnswer = {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  text: string;
  /** The body as JSON. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers freely
  json: any;
};

/** One request on a new connection, with exactly these headers, as `curl` would send it. */
export async function send(
  url: string,
  {
    method = "GET",
    path = "/",
    headers = {},
    body = "",
  }: { method?: string; path?: string; headers?: Record<string, string>; body?: string | Uint8Array } = {},
): Promise<HttpAnswer> {
  const { hostname, port } = new URL(url);
  const outgoing = request({ hostname, port, method, path, headers, agent: false });
  // Node gives the body of a DELETE no length.
  if (method === "DELETE") outgoing.setHeader("content-length", Buffer.byteLength(body));
  outgoing.end(body);
  const [incoming] = await once(outgoing, "response");
  let text = "";
  for await (const chunk of incoming.setEncoding("utf8")) text += chunk;
  return {
    status: incoming.statusCode,
    headers: incoming.headers,
    text,
    get json() {
      return JSON.parse(text);
    },
  };
}

/** POST /dispatch. A body that is not a string or bytes is sent as JSON. */
export function notify(url: string, body: unknown, headers: Record<string, string> = {}): Promise<HttpAnswer> {
  const bytes = typeof body === "string" || body instanceof Uint8Array ? body : JSON.stringify(body);
  const length = String(Buffer.byteLength(bytes));
  return send(url, {
    method: "POST",
    path: "/dispatch",
    headers: { "content-length": length, ...headers },
    body: bytes,
  });
}
