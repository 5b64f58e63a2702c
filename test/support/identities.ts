import type { TestContext } from "node:test";
import type { GitHubOptions, StandInGitHub } from "../../sandbox/github.ts";
import type { GitHub, Workflow } from "../../src/index.ts";
import type { AppOptions } from "../../src/service/ground.ts";
import { appKey } from "./apps.ts";
import { send, startService, TOKEN } from "./service.ts";

const ANYTHING = { safeParse: (data: unknown) => ({ success: true as const, data }) };

const bot = appKey();
const release = appKey();
export const READER = "ghp_readerToken0123456789abcdefABCDEF01";

/** The variables of the two Apps and of the token `reader`. */
export const CREDENTIALS = {
  BOT_ID: "7",
  BOT_PRIVATE_KEY: bot.privateKey,
  RELEASE_APP_ID: "Iv1.release",
  RELEASE_APP_PRIVATE_KEY: release.privateKey,
  READER_TOKEN: READER,
};

type Granted = Readonly<Record<string, "read" | "write">>;

/** A service with one workflow at /w, whose `run` the test gives, and a GitHub with two Apps. */
export async function identityScene(
  t: TestContext,
  run: (github: GitHub, body: { readonly n?: number }) => Promise<unknown>,
  {
    workflow = {},
    settings = {},
    granted,
    options = {},
    github: gitHubOptions = {},
  }: {
    workflow?: Partial<Workflow>;
    settings?: Record<string, string>;
    granted?: Granted;
    options?: AppOptions;
    github?: GitHubOptions;
  } = {},
) {
  const under: Workflow = {
    name: "w",
    on: { http: { path: "/w", body: ANYTHING, tokenField: "github_token" } },
    run: ({ github, body }) => run(github, body),
    ...workflow,
  };
  const service = await startService(t, {
    github: gitHubOptions,
    settings: { ...CREDENTIALS, ...settings },
    options: { ...options, workflows: [{ workflow: under, file: "w.ts" }] },
  });
  const { github, url } = service;
  knowIdentities(github, granted);
  const start = (body: object = {}) => send(url, { method: "POST", path: "/w", body: JSON.stringify(body) });
  /** Which credentials asked for something in a repository, in order. */
  const askers = () =>
    github.requests.filter(({ path }) => path.startsWith("/repos/acme/shop/contents")).map(({ login }) => login);
  return { ...service, start, askers };
}

/** Adds the Apps and tokens of `CREDENTIALS` to a GitHub, with the Apps' permissions. */
export function knowIdentities(
  github: StandInGitHub,
  permissions: Granted = { contents: "write", issues: "write", pull_requests: "write" },
): void {
  github.token(READER, { login: "reader" });
  github.token(TOKEN, { login: "service" });
  github.app({
    id: 7,
    slug: "bot",
    publicKey: bot.publicKey,
    installations: [{ id: 42, owner: "acme", permissions }],
  });
  const installations = [{ id: 43, owner: "acme", permissions }];
  github.app({ id: 8, clientId: "Iv1.release", slug: "release", publicKey: release.publicKey, installations });
}
