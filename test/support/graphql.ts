import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import type { Asker } from "../../src/github/ask.ts";
import { openGitHub } from "../../src/github/open-github.ts";
import type { Failure, LimitReached } from "../../src/model/failure.ts";
import { type LimitLog, NOTHING_KEPT } from "../../src/model/limits.ts";
import type { UnsentWrite } from "../../src/model/network.ts";
import { unobserved } from "../../src/model/observer.ts";
import { unchanging } from "../../src/model/renewable.ts";
import { knownSecrets } from "../../src/observe/secrets.ts";
import { readConfig } from "../../src/service/config/config.ts";
import type { MovedClock } from "./clock.ts";

export const TOKEN = "ghp_0123456789abcdefghijklmnopqrstuvwxyzAB";

export const QUERY =
  "query Title($owner: String!, $name: String!) { repository(owner: $owner, name: $name) { id viewerHasStarred } }";
export const MUTATION =
  'mutation { addStar(input: { starrableId: "R_1" }) { starrable { id stargazerCount viewerHasStarred } } }';
export const SHOP = { owner: "acme", name: "shop" };
export const REPO = { owner: "acme", repo: "shop" };

type Settings = Readonly<Record<string, string>> & { readonly GITHUB_API_URL: string };

/** The service's GitHub client, which never waits: a request that may not leave now fails with the time when it may. */
export async function serviceGitHub(
  t: TestContext,
  settings: Settings,
  {
    clock,
    log = NOTHING_KEPT,
    lease,
    timeoutMs,
  }: { clock: MovedClock; log?: LimitLog; timeoutMs?: number } & Pick<Asker, "lease">,
) {
  const pauses: { account: string; until: number }[] = [];
  const shown: UnsentWrite[] = [];
  const gitHub = await openGitHub({
    settings: unchanging(readConfig({ GITHUB_LIMITS: "on", ...settings }).github),
    targetRepo: "acme/shop",
    userAgent: "test",
    hide: () => () => {},
    brief: knownSecrets([TOKEN]).brief,
    limitLog: log,
    clock,
    observe: unobserved,
    wait: async () => {},
    onPause: ({ account, until }) => void pauses.push({ account, until }),
    timeoutMs,
    patienceMs: 0,
  });
  t.after(() => gitHub.close());
  const attempt = (name: string, dryRun?: (write: UnsentWrite) => void) =>
    gitHub.attempt({ name, lease, dryRun }).github;
  return {
    github: attempt("test"),
    dry: attempt("dry", (write) => void shown.push(write)),
    /** What the dry run held back. */
    shown,
    pauses,
    gates: gitHub.gates,
  };
}

/** Matches a failure of this kind whose reason matches the pattern. */
export const failed = (kind: Failure["kind"], pattern: RegExp) => (error: Failure) => {
  assert.equal(error.kind, kind, error.message);
  assert.match(error.message, pattern);
  return true;
};

/** Matches a limit that ends at this time, epoch milliseconds. */
export const limited =
  (until: number, pattern = /./) =>
  (error: LimitReached) => {
    assert.equal(error.kind, "limit", error.message);
    assert.equal(error.notBefore, until);
    assert.match(error.message, pattern);
    return true;
  };
