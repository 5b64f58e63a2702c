import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { startGitHub } from "../sandbox/github.ts";
import type { OAuthApp } from "../sandbox/oauth.ts";
import { gitHubSignIn } from "../src/access/github-sign-in.ts";
import type { Trip } from "../src/access/sign-in-method.ts";
import type { SignInFailed } from "../src/model/sign-in.ts";
import { walkTo } from "./support/openid-provider.ts";

const REDIRECT = "https://ci.example/sign-in/github/callback";

const trip = (facts: Partial<Trip> = {}): Trip => ({
  ...{ redirectUri: REDIRECT, state: "the-state", nonce: "the-nonce" },
  ...{ verifier: "v".repeat(50), ...facts },
});

async function opened(t: TestContext, { enterprise = false, memberships = ["acme", "acme/platform", "other"] } = {}) {
  const github = await startGitHub(enterprise ? { enterprise: "3.19.0", basePath: "/api/v3" } : {});
  t.after(() => github.close());
  const app: OAuthApp = {
    ...{ clientId: "Iv1.0123", clientSecret: "github-client-secret-0123456789" },
    ...{ redirectUri: REDIRECT, login: "octocat" },
  };
  github.oauthApp(app);
  github.organization("acme").members.push("octocat", "hubot");
  github.organization("acme").teams.set("platform", ["octocat"]);
  github.organization("other").members.push("hubot");
  const settings = {
    ...{ webUrl: new URL(github.url).origin, apiUrl: github.url },
    ...{ clientId: app.clientId, clientSecret: app.clientSecret, memberships },
  };
  const method = gitHubSignIn(settings, { fetch, userAgent: "gh-runner/test" });
  const goThere = async (its = trip()) => (await walkTo(await method.begin(its), REDIRECT)).searchParams;
  return { github, app, method, settings, goThere };
}

const fails = (kind: SignInFailed["kind"], message: RegExp) => (error: unknown) => {
  assert.equal((error as SignInFailed).kind, kind, String(error));
  assert.match((error as Error).message, message);
  return true;
};

describe("signing in with GitHub", () => {
  for (const enterprise of [false, true]) {
    it(`identifies the person, and which of the named organisations and teams they belong to${enterprise ? ", on an Enterprise Server" : ""}`, async (t) => {
      const { app, method, goThere } = await opened(t, { enterprise });
      const { person, doubts } = await method.finish(await goThere(), trip());
      assert.deepEqual(person, { from: "github", name: "octocat", memberships: ["acme", "acme/platform"] });
      assert.deepEqual(doubts, []);
      app.login = "hubot";
      const other = await method.finish(await goThere(), trip());
      assert.deepEqual(other.person, { from: "github", name: "hubot", memberships: ["acme", "other"] });
    });
  }

  it("sends PKCE and state, no secret through the browser, and requests a scope only if memberships are needed", async (t) => {
    const { method } = await opened(t);
    const { searchParams, href } = await method.begin(trip());
    assert.equal(searchParams.get("code_challenge_method"), "S256");
    assert.deepEqual([searchParams.get("scope"), searchParams.get("state")], ["read:org", "the-state"]);
    assert.doesNotMatch(href, /client-secret|vvvv/);
    const bare = await opened(t, { memberships: [] });
    assert.equal((await bare.method.begin(trip())).searchParams.get("scope"), null);
  });

  it("asks GitHub only for the person's identity and the named memberships", async (t) => {
    const { github, method, goThere } = await opened(t);
    await method.finish(await goThere(), trip());
    const routes = github.requests.map(({ route }) => route).filter((route) => !route.includes("/login/oauth"));
    assert.deepEqual(routes.toSorted(), [
      "GET /orgs/{org}/members/{username}",
      "GET /orgs/{org}/members/{username}",
      "GET /orgs/{org}/teams/{team_slug}/memberships/{username}",
      "GET /user",
    ]);
  });

  it("rejects a code that was used before, a code of another browser, another state, and a wrong secret", async (t) => {
    const { method, goThere, settings } = await opened(t);
    const answer = await goThere();
    await method.finish(answer, trip());
    const rejected = fails("invalid", /rejected the code: bad_verification_code/);
    await assert.rejects(method.finish(answer, trip()), rejected);
    await assert.rejects(method.finish(await goThere(), trip({ verifier: "w".repeat(50) })), rejected);
    await assert.rejects(
      method.finish(await goThere(), trip({ state: "x" })),
      fails("invalid", /belongs to another sign-in/),
    );
    const wrong = gitHubSignIn({ ...settings, clientSecret: "old" }, { fetch, userAgent: "gh-runner/test" });
    await assert.rejects(wrong.finish(await goThere(), trip()), fails("invalid", /incorrect_client_credentials/));
  });

  it("reports that the person declined, or that GitHub is down", async (t) => {
    const { github, app, method, goThere } = await opened(t);
    app.login = undefined;
    await assert.rejects(method.finish(await goThere(), trip()), fails("denied", /access_denied/));
    app.login = "octocat";
    const answer = await goThere();
    github.fault({ route: "GET /user" }, { kind: "status", status: 502 });
    await assert.rejects(method.finish(answer, trip()), fails("unavailable", /answered 502/));
    github.clearFaults();
    const later = await goThere();
    await github.close();
    await assert.rejects(method.finish(later, trip()), fails("unavailable", /cannot be reached/));
  });

  it("ignores memberships that GitHub does not show, and reports why", async (t) => {
    const { github, method, goThere } = await opened(t);
    github.answers({
      "GET /orgs/{org}/members/{username}": {
        status: 403,
        body: {
          message:
            "Although you appear to have the correct authorization credentials, the `acme` organization has enabled OAuth App access restrictions",
        },
      },
    } as never);
    const { person, doubts } = await method.finish(await goThere(), trip());
    assert.deepEqual("memberships" in person && person.memberships, ["acme/platform"]);
    assert.match(doubts[0] ?? "", /403 for the membership in acme: .*OAuth App access restrictions/);
  });
});
