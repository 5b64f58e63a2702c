import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { describe, it, type TestContext } from "node:test";
import { type GitHubOptions, startGitHub } from "../sandbox/github.ts";
import { graphQLBase } from "../src/github/graphql/request.ts";
import type { Failure } from "../src/model/failure.ts";
import type { Lease } from "../src/model/lease.ts";
import { movedClock } from "./support/clock.ts";
import { failed, MUTATION, QUERY, REPO, SHOP, serviceGitHub, TOKEN } from "./support/graphql.ts";
import { type Received, type Scripted, scriptedGitHub } from "./support/scripted-github.ts";

type Problem = { type?: string; message: string; path?: (string | number)[]; extensions?: object };

/** In front of a GitHub that gives the test's answers. */
async function scripted(t: TestContext, answer: (request: Received) => Scripted, lease?: Lease) {
  const clock = movedClock();
  const { apiUrl, requests } = await scriptedGitHub(t, answer);
  const service = await serviceGitHub(
    t,
    { GITHUB_API_URL: apiUrl, GITHUB_TOKEN: TOKEN },
    { clock, lease, timeoutMs: 1000 },
  );
  return { ...service, clock, requests };
}

/** In front of the stand-in, which knows GitHub's schema. */
async function standIn(t: TestContext, options: GitHubOptions = {}, settings: Record<string, string> = {}) {
  const clock = movedClock();
  const server = await startGitHub({ now: clock.now, ...options });
  t.after(() => server.close());
  server.token(TOKEN);
  server.repository("acme/shop");
  server.graphql({ repository: { id: "R_1", viewerHasStarred: false } });
  const service = await serviceGitHub(t, { GITHUB_API_URL: server.url, GITHUB_TOKEN: TOKEN, ...settings }, { clock });
  return { ...service, clock, server };
}

const data = (json: unknown): Scripted => ({ json: { data: json } });
const errors = (...all: Problem[]): Scripted => ({ json: { data: null, errors: all } });

describe("github.graphql", () => {
  it("resolves with the data", async (t) => {
    const { github, server } = await standIn(t);
    const { repository } = await github.graphql<{ repository: { id: string } }>(QUERY, SHOP);
    assert.deepEqual(repository, { id: "R_1", viewerHasStarred: false });
    const [request] = server.requests;
    assert.equal(request?.route, "POST /graphql");
    assert.deepEqual(JSON.parse(request?.body ?? ""), { query: QUERY, variables: SHOP });
    assert.equal(request?.headers.authorization, `Bearer ${TOKEN}`);
  });

  it("accepts JavaScript values, and reports values that it cannot send", async (t) => {
    const { github, server } = await standIn(t);
    const graphql = github.graphql as (...given: unknown[]) => Promise<unknown>;
    const viewer = "{ viewer { login } }";
    for (const given of [[viewer], [viewer, null, null], [viewer, undefined, {}]]) {
      assert.deepEqual(await graphql(...given), { viewer: { login: "octocat" } });
    }
    const sent = server.requests.length;
    for (const query of [undefined, { query: viewer }, [viewer]]) {
      await assert.rejects(
        graphql(query),
        failed("permanent", /the query is not text\. Write github\.graphql\(query, var/),
      );
    }
    await assert.rejects(graphql(viewer, { value: 1n }), failed("permanent", /could not be made .*BigInt/));
    assert.equal(server.requests.length, sent);
  });

  it("sends headers from the options, and none from the variables", async (t) => {
    const { github, server } = await standIn(t);
    const headers = { "GraphQL-Features": "sub_issues", Authorization: "Bearer other" };
    await github.graphql(QUERY, SHOP, { headers, operationName: "Title" });
    const [request] = server.requests;
    assert.equal(request?.headers["graphql-features"], "sub_issues");
    assert.equal(request?.headers.authorization, `Bearer ${TOKEN}`);
    assert.equal(JSON.parse(request?.body ?? "").operationName, "Title");
    await assert.rejects(
      github.graphql(QUERY, { ...SHOP, headers } as never),
      failed("permanent", /headers are among the variables.*Pass them as an option/),
    );
    assert.equal(server.requests.length, 1);
  });

  it("fails with GitHub's error", async (t) => {
    const message = `Could not resolve to a Repository with the name 'acme/${TOKEN}'.`;
    const missing = { type: "NOT_FOUND", path: ["repository", "issues", 0], message };
    const { github, requests } = await scripted(t, () =>
      errors(missing, { message: "More" }, { message: "Even more" }),
    );
    await assert.rejects(github.graphql(QUERY, SHOP), (error: Failure) => {
      assert.equal(error.kind, "permanent");
      const shown = "Could not resolve to a Repository with the name 'acme/***'.";
      assert.equal(
        error.message,
        `Asking GitHub with the GraphQL query Title failed: GitHub answered NOT_FOUND "${shown}" at repository.issues.0 and 2 more ` +
          "errors. The request names something that does not exist or that the token cannot see: check each name and id in the request, and the " +
          "token's permissions.",
      );
      assert.deepEqual(error.facts.errors?.[0], { type: "NOT_FOUND", path: "repository.issues.0", message: shown });
      assert.equal(error.facts.errors?.length, 3);
      return true;
    });
    assert.equal(requests.length, 1);
  });

  const lasting: readonly [Problem, RegExp][] = [
    [{ type: "FORBIDDEN", message: "Resource not accessible by integration" }, /Give the GitHub App the permission/],
    [{ type: "FORBIDDEN", message: "Resource protected by organization SAML enforcement." }, /single sign-on/],
    [{ type: "INSUFFICIENT_SCOPES", message: "needs ['read:project']" }, /Give the token the scope that GitHub names/],
    [{ type: "UNPROCESSABLE", message: "Pull request is in clean status" }, /cannot do this in the present state/],
    [{ type: "STALE_DATA", message: "Expected branch to point to" }, /cannot do this in the present state/],
    [{ type: "MAX_NODE_LIMIT_EXCEEDED", message: "too many nodes" }, /Request less data at a time/],
    [{ type: "RESOURCE_LIMITS_EXCEEDED", message: "Resource limits" }, /Request less data at a time/],
    [
      { type: "SOMETHING_NEW", message: "new", path: ["a"] },
      /answered SOMETHING_NEW "new" at a\. GitHub's message says what is wrong/,
    ],
    [{ message: 'Parse error on "}"' }, /answered an error "Parse error.*Check the query's fields/],
    [
      { message: "Field 'x' doesn't exist", path: ["query", "x"], extensions: { code: "undefinedField" } },
      /answered undefinedField .*Check the query's fields/,
    ],
  ];
  for (const [problem, pattern] of lasting) {
    it(`does not retry: ${problem.type ?? problem.message}`, async (t) => {
      const { github, requests } = await scripted(t, () => errors(problem));
      await assert.rejects(github.graphql(QUERY, SHOP), failed("permanent", pattern));
      assert.equal(requests.length, 1);
    });
  }

  const passing: readonly [string, Scripted][] = [
    [
      "a query that took too long",
      errors({ message: "Something went wrong while executing your query. Include `AB12`." }),
    ],
    ["an internal error", errors({ type: "INTERNAL", message: "oh" })],
    ["a service that is away", errors({ type: "SERVICE_UNAVAILABLE", message: "oh" })],
    ["502 with errors", { status: 502, json: { data: null, errors: [{ message: "Something went wrong" }] } }],
    ["504", { status: 504, json: { message: "We couldn't respond to your request in time. Sorry about that." } }],
    ["an answer that was cut off", "cut"],
    ["a connection that was reset", "reset"],
    ["no answer at all", "hang"],
  ];
  for (const [what, answer] of passing) {
    it(`retries: ${what}`, async (t) => {
      const { github, requests } = await scripted(t, () => answer);
      await assert.rejects(github.graphql(QUERY, SHOP), failed("transient", /the GraphQL query Title failed/));
      assert.equal(requests.length, 3);
      await assert.rejects(
        github.graphql(MUTATION, {}, { retry: false }),
        failed("transient", /the GraphQL mutation addStar failed/),
      );
      assert.equal(requests.length, 4);
    });
  }

  it("treats JSON that ends early as a lost answer", async (t) => {
    const { github, server } = await standIn(t);
    const headers = { "content-type": "application/json" };
    const fault = server.fault(
      { route: "POST /graphql", times: 1 },
      { kind: "status", status: 200, body: '{"data":{', headers },
    );
    await github.graphql(QUERY, SHOP);
    assert.equal(fault.met, 1);
  });

  it("treats what is not a GraphQL answer as a failure", async (t) => {
    for (const json of [[], {}, { data: null }, { errors: "x" }, { data: 7 }]) {
      const { github } = await scripted(t, () => ({ json }));
      await assert.rejects(github.graphql(QUERY, SHOP), failed("permanent", /does not have the expected content/));
    }
    const page = await scripted(t, () => ({ headers: { "content-type": "text/html" }, json: "<html>" }));
    await assert.rejects(
      page.github.graphql(QUERY, SHOP),
      failed("permanent", /check GITHUB_API_URL|GITHUB_API_URL to/),
    );
    const text = await scripted(t, () => ({ headers: { "content-type": "text/plain" }, json: "x" }));
    await assert.rejects(text.github.graphql(QUERY, SHOP), failed("permanent", /does not have the expected content/));
  });

  it("reports whether a mutation may have been executed", async (t) => {
    const [gone, wrong] = [
      { type: "NOT_FOUND", message: "gone" },
      { type: "INTERNAL", message: "oh" },
    ];
    const answers: readonly [Scripted, false | undefined][] = [
      [errors(gone), false],
      [{ json: { errors: [gone] } }, false],
      [{ json: { data: { a: null, b: null }, errors: [gone, gone] } }, false],
      [{ json: { data: { a: { id: 1 }, b: null }, errors: [gone] } }, undefined],
      [errors(gone, wrong), undefined],
      [errors(wrong), undefined],
    ];
    for (const [answer, sent] of answers) {
      const { github } = await scripted(t, () => answer);
      await assert.rejects(github.graphql(MUTATION, {}, { retry: false }), (error: Failure) => {
        assert.equal(error.facts.sent, sent);
        return true;
      });
    }
  });

  it("resolves with the data beside allowed errors", async (t) => {
    const gone = { type: "NOT_FOUND", message: "gone" };
    let answer: Scripted = { json: { data: { a: null, b: { id: "R_1" } }, errors: [gone] } };
    const { github } = await scripted(t, () => answer);
    assert.deepEqual(await github.graphql(QUERY, {}, { allow: ["NOT_FOUND"] }), { a: null, b: { id: "R_1" } });
    await assert.rejects(github.graphql(QUERY, {}, { allow: ["FORBIDDEN"] }), failed("permanent", /NOT_FOUND "gone"/));
    answer = errors(gone);
    assert.deepEqual(await github.graphql(QUERY, {}, { allow: ["NOT_FOUND"] }), {});
    answer = errors(gone, { type: "FORBIDDEN", message: "no" });
    await assert.rejects(github.graphql(QUERY, {}, { allow: ["NOT_FOUND"] }), failed("permanent", /FORBIDDEN "no"/));
    answer = { json: { errors: [{ type: "RATE_LIMITED", message: "limit" }] } };
    await assert.rejects(github.graphql(QUERY, {}, { allow: ["RATE_LIMITED"] }), failed("limit", /RATE_LIMITED/));
  });

  it("sends nothing once the attempt has lost its run", async (t) => {
    const lease = { holds: async () => false, sent: () => () => {} };
    const { github, requests } = await scripted(t, () => data({}), lease);
    await assert.rejects(
      github.graphql(MUTATION, {}, { retry: false }),
      failed("transient", /may have taken over the run/),
    );
    assert.equal(requests.length, 0);
  });

  it("is also there as a route, whose errors are a part of the answer", async (t) => {
    const { github, dry, requests, shown } = await scripted(t, () => errors({ type: "NOT_FOUND", message: "gone" }));
    const ask = "POST /graphql" as "POST /graphql/of/newer";
    const { status, data } = await github.request(ask, { query: QUERY, variables: SHOP });
    assert.deepEqual([status, data], [200, { data: null, errors: [{ type: "NOT_FOUND", message: "gone" }] }]);
    const held = await dry.request(ask, { query: MUTATION });
    assert.deepEqual(held.data, {
      data: { addStar: { starrable: { id: "not-sent", stargazerCount: null, viewerHasStarred: null } } },
    });
    assert.deepEqual([requests.length, shown.length], [1, 1]);
  });
});

describe("github.graphql in a dry run", () => {
  it("sends a query, and shows a mutation", async (t) => {
    const { dry, server, shown } = await standIn(t);
    await dry.graphql(QUERY, SHOP);
    assert.equal(server.requests.length, 1);
    assert.deepEqual(await dry.graphql(MUTATION, { a: 1 }), {
      addStar: { starrable: { id: "not-sent", stargazerCount: null, viewerHasStarred: null } },
    });
    const both = `query A { viewer { login } } ${MUTATION.replace("mutation", "mutation B")}`;
    await dry.graphql(both, {}, { operationName: "A" });
    await dry.graphql(both, {}, { operationName: "B" });
    assert.deepEqual(await dry.graphql(both), {});
    assert.deepEqual(await dry.graphql("subscription { a { id } }"), { a: { id: "not-sent" } });
    assert.deepEqual(await dry.graphql("{ unfinished"), {});
    assert.equal(server.requests.length, 2);
    assert.equal(shown.length, 5);
    const [{ method, url, headers, body } = { method: "", url: "", headers: {}, body: "" }] = shown;
    assert.equal(`${method} ${url}`, `POST ${server.url}/graphql`);
    assert.equal(headers.authorization, "Bearer ***");
    assert.deepEqual(JSON.parse(body ?? ""), { query: MUTATION, variables: { a: 1 } });
  });
});

describe("a request to GraphQL in a dry run", () => {
  it("is judged by what is really sent", async (t) => {
    const { dry, server, shown } = await standIn(t);
    const query = "{ viewer { login } }";
    await dry.request("POST /graphql", { query, data: { query: MUTATION } });
    await dry.request("POST /graphql", { query, data: "no JSON" });
    assert.deepEqual([server.requests.length, shown.length], [0, 2]);
    await dry.request("POST /graphql", { data: { query } });
    assert.deepEqual([server.requests.length, shown.length], [1, 2]);
  });
});

describe("github.graphql on GitHub Enterprise Server", () => {
  it("uses /api/graphql, and needs no headers about limits", async (t) => {
    const { github, dry, server, shown } = await standIn(t, { enterprise: "3.19.0", basePath: "/api/v3" });
    await github.graphql(QUERY, SHOP);
    await dry.graphql(MUTATION);
    const origin = new URL(server.url).origin;
    assert.equal(shown[0]?.url, `${origin}/api/graphql`);
    assert.equal(server.requests[0]?.route, "POST /graphql");
    assert.equal(server.requests[0]?.status, 200);
  });

  it("finds the path for each base", () => {
    const all = [
      ["https://api.github.com", "https://api.github.com"],
      ["https://api.acme.ghe.com", "https://api.acme.ghe.com"],
      ["https://ghe.acme.test/api/v3", "https://ghe.acme.test/api"],
      ["https://ghe.acme.test/api/v3/", "https://ghe.acme.test/api"],
      ["https://proxy.test/ghe/api/v3", "https://proxy.test/ghe/api"],
      ["https://proxy.test/github", "https://proxy.test/github"],
      ["https://api.ghe.acme.test", "https://api.ghe.acme.test"],
    ];
    for (const [base = "", expected] of all) assert.equal(graphQLBase(base), expected);
  });
});

describe("github.graphql as a GitHub App", () => {
  it("uses the installation of the right repository", async (t) => {
    const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    const clock = movedClock();
    const server = await startGitHub({ now: clock.now });
    t.after(() => server.close());
    for (const name of ["acme/shop", "acme/other", "globex/shop"]) server.repository(name);
    server.app({
      id: 7,
      publicKey: publicKey.export({ type: "spki", format: "pem" }).toString(),
      installations: [
        { id: 42, owner: "acme" },
        { id: 43, owner: "globex" },
      ],
    });
    server.graphql({ repository: { id: "R_1" } });
    const settings = {
      GITHUB_API_URL: server.url,
      GITHUB_APP_ID: "7",
      GITHUB_APP_PRIVATE_KEY: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    };
    const { github, gates } = await serviceGitHub(t, settings, { clock });
    const viewer = "{ viewer { login } }";
    const asked = async (...given: Parameters<typeof github.graphql>) => {
      await github.graphql(...given);
      return server.requests.at(-1)?.headers.authorization;
    };
    const [acme, globex] = [await asked(viewer), await asked(QUERY, { owner: "globex", name: "shop" })];
    assert.notEqual(acme, globex);
    assert.equal(await asked(viewer, {}, { repository: "globex/shop" }), globex);
    assert.equal(await asked(QUERY, SHOP, { repository: "globex/shop" }), globex);
    assert.equal(await asked(viewer, {}, {}, "globex/shop"), globex);
    assert.equal(await asked(viewer, { owner: "globex/..", name: ".." }, {}, "acme/shop"), acme);
    const repo = "query($owner: String!, $repo: String!) { repository(owner: $owner, name: $repo) { id } }";
    assert.equal(await asked(repo, { ...REPO, owner: "globex" }, {}, "acme/shop"), globex);
    assert.deepEqual(
      [...gates.all().keys()].filter((name) => name.includes("graphql")),
      ["installation 42 graphql", "installation 43 graphql"],
    );
    // A revoked token is renewed, as for any other request.
    server.revoke(globex?.slice("Bearer ".length) ?? "");
    assert.notEqual(await asked(viewer, {}, { repository: "globex/shop" }), globex);
    assert.equal(server.requests.at(-1)?.status, 200);
  });
});
