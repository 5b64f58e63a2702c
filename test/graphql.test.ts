import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { openGitHub } from "../src/github/open-github.ts";
import type { LimitReached, PermanentFailure } from "../src/index.ts";
import type { Failure } from "../src/model/failure.ts";
import { NOTHING_KEPT } from "../src/model/limits.ts";
import { unobserved } from "../src/model/observer.ts";
import { knownSecrets } from "../src/observe/secrets.ts";
import { readConfig } from "../src/service/config/config.ts";
import { movedClock } from "./support/clock.ts";
import { type Received, type Scripted, scriptedGitHub } from "./support/scripted-github.ts";

const TOKEN = "ghp_0123456789abcdefghijklmnopqrstuvwxyzAB";
const QUERY = "query Title($owner: String!, $name: String!) { repository(owner: $owner, name: $name) { id } }";
const MUTATION = 'mutation { addStar(input: { starrableId: "R_1" }) { starrable { id stargazerCount } } }';
const SHOP = { owner: "acme", name: "shop" };

type Error = { type?: string; message: string; path?: (string | number)[]; extensions?: object };

/** The service's GitHub, with a token, in front of one that answers what the test says. */
async function scene(t: TestContext, answer: (request: Received) => Scripted, settings: Record<string, string> = {}) {
  const clock = movedClock();
  const dated = (request: Received): Scripted => {
    const scripted = answer(request);
    const date = new Date(clock.now()).toUTCString();
    return typeof scripted === "string" ? scripted : { ...scripted, headers: { date, ...scripted.headers } };
  };
  const { apiUrl, requests } = await scriptedGitHub(t, dated);
  const shown: { method: string; url: string; body: string | null }[] = [];
  const pauses: { account: string; until: number }[] = [];
  const gitHub = await openGitHub({
    settings: readConfig({ GITHUB_API_URL: apiUrl, GITHUB_TOKEN: TOKEN, GITHUB_LIMITS: "on", ...settings }).github,
    targetRepo: "acme/shop",
    userAgent: "test",
    hide: () => () => {},
    brief: knownSecrets([TOKEN]).brief,
    limitLog: NOTHING_KEPT,
    clock,
    observe: unobserved,
    wait: async () => {},
    onPause: (pause) => void pauses.push(pause),
    timeoutMs: 300,
    patienceMs: 0,
  });
  t.after(() => gitHub.close());
  const { github } = gitHub.attempt({ name: "test" });
  const dry = gitHub.attempt({ name: "dry", dryRun: (write) => void shown.push(write) });
  return { clock, github, dry: dry.github, requests, shown, pauses, gates: gitHub.gates };
}

const data = (json: unknown): Scripted => ({ json: { data: json } });
const errors = (...all: Error[]): Scripted => ({ json: { data: null, errors: all } });

/** A failure of a kind whose reason says this. */
const failed = (kind: Failure["kind"], pattern: RegExp) => (error: Failure) => {
  assert.equal(error.kind, kind);
  assert.match(error.message, pattern);
  return true;
};
const limited = (until: number) => (error: LimitReached) => {
  assert.equal(error.kind, "limit");
  assert.equal(error.notBefore, until);
  return true;
};

describe("github.graphql", () => {
  it("resolves with the data", async (t) => {
    const { github, requests } = await scene(t, () => data({ repository: { id: "R_1" } }));
    const { repository } = await github.graphql<{ repository: { id: string } }>(QUERY, SHOP);
    assert.equal(repository.id, "R_1");
    const [{ method, path, body, headers } = {} as Received] = requests;
    assert.equal(`${method} ${path}`, "POST /graphql");
    assert.deepEqual(JSON.parse(body), { query: QUERY, variables: SHOP });
    assert.equal(headers.authorization, `Bearer ${TOKEN}`);
  });

  it("fails with what GitHub says went wrong", async (t) => {
    const missing = {
      type: "NOT_FOUND",
      path: ["repository", "issues", 0],
      message: "Could not resolve to a Repository with the name 'acme/shop'.",
    };
    const { github, requests } = await scene(t, () => errors(missing));
    await assert.rejects(github.graphql(QUERY, SHOP), (error: PermanentFailure) => {
      assert.equal(error.kind, "permanent");
      assert.match(
        error.message,
        /^Asking GitHub with the GraphQL query Title failed: GitHub answered NOT_FOUND "Could not resolve to a Repository with the name 'acme\/shop'\." at repository\.issues\.0\. What it asks for does not exist/,
      );
      assert.deepEqual(error.facts.errors, [{ ...missing, path: "repository.issues.0" }]);
      assert.equal(error.facts.sent, false);
      return true;
    });
    assert.equal(requests.length, 1);
  });

  it("resolves with what came beside errors that are allowed", async (t) => {
    const partly = { json: { data: { a: null, b: { id: "R_1" } }, errors: [{ type: "NOT_FOUND", message: "no" }] } };
    const { github } = await scene(t, () => partly);
    assert.deepEqual(await github.graphql(QUERY, {}, { allow: ["NOT_FOUND"] }), { a: null, b: { id: "R_1" } });
    await assert.rejects(github.graphql(QUERY, {}, { allow: ["FORBIDDEN"] }), failed("permanent", /NOT_FOUND "no"/));
  });

  it("tries again what GitHub could not finish", async (t) => {
    const wrong = { message: "Something went wrong while executing your query. Please include `AB12` when reporting." };
    const { github, requests } = await scene(t, () => errors(wrong));
    await assert.rejects(github.graphql(QUERY, SHOP), failed("transient", /Something went wrong/));
    assert.equal(requests.length, 3);
    await assert.rejects(github.graphql(MUTATION, {}, { retry: false }), failed("transient", /mutation addStar/));
    assert.equal(requests.length, 4);
  });

  it("waits for the reset when the hour's points are used up, and leaves REST going", async (t) => {
    let reset = 0;
    const { github, clock, requests, pauses } = await scene(t, ({ path }) =>
      path === "/graphql"
        ? { ...(errors({ type: "RATE_LIMITED", message: "API rate limit exceeded" }) as object), headers: spent(reset) }
        : { json: { full_name: "acme/shop" } },
    );
    reset = clock.now() / 1000 + 600;
    await assert.rejects(github.graphql(QUERY, SHOP), limited(reset * 1000));
    await assert.rejects(github.graphql(QUERY, SHOP), limited(reset * 1000));
    assert.equal(requests.length, 1);
    assert.deepEqual(
      pauses.map(({ account, until }) => [account, until]),
      [["GITHUB_TOKEN graphql", reset * 1000]],
    );
    await github.request("GET /repos/{owner}/{repo}", { owner: "acme", repo: "shop" });
    clock.move(600_000);
    await assert.rejects(github.graphql(QUERY, SHOP));
    assert.equal(requests.length, 3);
  });

  it("shows a mutation of a dry run instead of sending it, and sends a query", async (t) => {
    const { dry, requests, shown } = await scene(t, () => data({ repository: { id: "R_1" } }));
    await dry.graphql(QUERY, SHOP);
    assert.equal(requests.length, 1);
    assert.deepEqual(await dry.graphql(MUTATION), { addStar: { starrable: { id: "not-sent", stargazerCount: null } } });
    assert.equal(requests.length, 1);
    assert.deepEqual(
      shown.map(({ method, url, body }) => `${method} ${new URL(url).pathname} ${JSON.parse(body ?? "").query}`),
      [`POST /graphql ${MUTATION}`],
    );
  });
});

const spent = (reset: number) => ({
  "x-ratelimit-limit": "5000",
  "x-ratelimit-remaining": "0",
  "x-ratelimit-reset": String(reset),
  "x-ratelimit-resource": "graphql",
});
