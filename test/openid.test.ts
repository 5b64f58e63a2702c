import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { Response } from "undici";
import { openIdSignIn } from "../src/access/openid.ts";
import type { Trip } from "../src/access/sign-in-method.ts";
import type { SignInFailed } from "../src/model/sign-in.ts";
import { type Account, OPENID_CLIENT, startSignInIssuer, walkTo } from "./support/openid-provider.ts";

const REDIRECT = "https://ci.example/sign-in/oidc/callback";
const ALICE: Account = {
  ...{ sub: "7", email: "alice@acme.com", email_verified: true, preferred_username: "alice" },
  groups: ["platform", "staff"],
};

const trip = (facts: Partial<Trip> = {}): Trip => ({
  ...{ redirectUri: REDIRECT, state: "the-state", nonce: "the-nonce" },
  ...{ verifier: "v".repeat(50), ...facts },
});

async function opened(t: TestContext, account: Account = ALICE, now: () => number = Date.now) {
  const issuer = await startSignInIssuer(t, account);
  issuer.redirectUri = REDIRECT;
  const { id, secret } = OPENID_CLIENT;
  const method = openIdSignIn(
    {
      ...{ issuer: issuer.url, clientId: id, clientSecret: secret },
      ...{ scopes: "openid email profile", groupsClaim: "groups" },
    },
    { fetch, now },
  );
  /** The parameters with which the browser comes back. */
  const goThere = async (its = trip()) => (await walkTo(await method.begin(its), REDIRECT)).searchParams;
  return { issuer, method, goThere };
}

const fails = (kind: SignInFailed["kind"], message: RegExp) => (error: unknown) => {
  assert.equal((error as Error).name, "SignInFailed", String(error));
  assert.equal((error as SignInFailed).kind, kind, String(error));
  assert.match((error as Error).message, message);
  return true;
};

describe("signing in by OpenID Connect, at a real provider", () => {
  it("identifies the person, with their verified address and their groups", async (t) => {
    const { method, goThere } = await opened(t);
    const { person, doubts } = await method.finish(await goThere(), trip());
    assert.deepEqual(person, {
      ...{ from: "oidc", name: "alice@acme.com", subject: "7", email: "alice@acme.com" },
      groups: ["platform", "staff"],
    });
    assert.deepEqual(doubts, []);
  });

  it("sends PKCE with S256, state and nonce, and no secret through the browser", async (t) => {
    const { issuer, method } = await opened(t);
    const url = await method.begin(trip());
    assert.equal(url.origin, issuer.url);
    const sent = Object.fromEntries(url.searchParams);
    assert.equal(sent.code_challenge_method, "S256");
    assert.equal(sent.code_challenge?.length, 43);
    assert.deepEqual([sent.state, sent.nonce, sent.redirect_uri], ["the-state", "the-nonce", REDIRECT]);
    assert.doesNotMatch(url.href, /client-secret|vvvv/);
  });

  it("ignores an unverified address, and names the person otherwise", async (t) => {
    const { issuer, method, goThere } = await opened(t, { ...ALICE, email_verified: false });
    const unverified = await method.finish(await goThere(), trip());
    assert.deepEqual(
      [unverified.person.name, "email" in unverified.person && unverified.person.email],
      ["alice", undefined],
    );
    issuer.account = { sub: "8" };
    const bare = await method.finish(await goThere(), trip());
    assert.deepEqual([bare.person.name, "groups" in bare.person && bare.person.groups], ["8", []]);
  });

  it("shows invisible characters in a name", async (t) => {
    const { method, goThere } = await opened(t, { sub: "9", preferred_username: `eve\u202e\n${"x".repeat(500)}` });
    const { person } = await method.finish(await goThere(), trip());
    assert.match(person.name, /^eve\\u202e\\u000ax+$/);
    assert.equal(person.name.length, 200);
  });

  for (const [what, change] of [
    ["rejects a token that has expired", { exp: 1_000_000_000, iat: 1_000_000_000 - 60 }],
    ["rejects a token for another audience", { aud: "another-client" }],
    ["rejects a token for several audiences, asked for by another", { aud: [OPENID_CLIENT.id, "x"], azp: "x" }],
    ["rejects a token of another issuer", { iss: "https://evil.example" }],
    ["rejects a token with another nonce", { nonce: "of another browser" }],
    ["rejects a token without a nonce", { nonce: undefined }],
    ["rejects a token without a subject", { sub: undefined }],
    ["rejects a token that never expires", { exp: undefined }],
  ] as const) {
    it(what, async (t) => {
      const { issuer, method, goThere } = await opened(t);
      issuer.claims = (claims) => ({ ...claims, ...change });
      await assert.rejects(method.finish(await goThere(), trip()), fails("invalid", /is invalid/));
    });
  }

  it("rejects a token that another key has signed", async (t) => {
    const { issuer, method, goThere } = await opened(t);
    issuer.signsWithOther = true;
    await assert.rejects(method.finish(await goThere(), trip()), fails("invalid", /is invalid/));
  });

  it("accepts a token of a key that was just rotated", async (t) => {
    const { issuer, method, goThere } = await opened(t);
    await method.finish(await goThere(), trip());
    issuer.rotate();
    const { person } = await method.finish(await goThere(), trip());
    assert.equal(person.name, "alice@acme.com");
  });

  it("accepts a token if the issuer's clock is a minute off, and none if it is two minutes off", async (t) => {
    for (const [offMs, holds] of [
      [50_000, true],
      [130_000, false],
    ] as const) {
      // The token's time of issue is in the future.
      const { method, goThere, issuer } = await opened(t, ALICE, () => Date.now() - offMs);
      issuer.claims = (claims) => ({ ...claims, nbf: claims.iat });
      const finished = method.finish(await goThere(), trip());
      if (holds) assert.equal((await finished).person.name, "alice@acme.com");
      else await assert.rejects(finished, fails("invalid", /is invalid/));
    }
  });

  it("rejects a code that was used before, a code of another browser, and another state", async (t) => {
    const { method, goThere } = await opened(t);
    const answer = await goThere();
    await method.finish(answer, trip());
    await assert.rejects(method.finish(answer, trip()), fails("invalid", /rejected the code: invalid_grant/));
    await assert.rejects(
      method.finish(await goThere(), trip({ verifier: "w".repeat(50) })),
      fails("invalid", /invalid_grant/),
    );
    await assert.rejects(
      method.finish(await goThere(), trip({ state: "another" })),
      fails("invalid", /is invalid.*state/),
    );
    await assert.rejects(method.finish(new URLSearchParams("state=the-state"), trip()), fails("invalid", /is invalid/));
  });

  it("rejects an answer of another issuer", async (t) => {
    const { method, goThere } = await opened(t);
    const answer = await goThere();
    answer.set("iss", "https://evil.example");
    await assert.rejects(method.finish(answer, trip()), fails("invalid", /is invalid.*iss/));
  });

  it("reports that the person or the issuer declined", async (t) => {
    const { issuer, method, goThere } = await opened(t);
    issuer.says = "no";
    await assert.rejects(method.finish(await goThere(), trip()), fails("denied", /answered access_denied/));
  });

  it("reports that the issuer is down, at the beginning and at the end, and works when it is up again", async (t) => {
    const { issuer, method, goThere } = await opened(t);
    const answer = await goThere();
    await issuer.stop();
    await assert.rejects(method.finish(answer, trip()), fails("unavailable", /^127\.0\.0\.1:\d+ cannot be reached: /));
    const { id, secret } = OPENID_CLIENT;
    const settings = {
      issuer: issuer.url,
      clientId: id,
      clientSecret: secret,
      scopes: "openid",
      groupsClaim: "groups",
    };
    let asked = 0;
    const flaky: typeof fetch = async (...request) => {
      asked++;
      if (asked === 1) return new Response("busy", { status: 503 }) as never;
      return fetch(...request);
    };
    const other = await opened(t);
    const again = openIdSignIn({ ...settings, issuer: other.issuer.url }, { fetch: flaky as never, now: Date.now });
    await assert.rejects(again.begin(trip()), fails("unavailable", /cannot be reached/));
    assert.ok(await again.begin(trip()));
  });

  it("reads the issuer's discovery document once in five minutes, for any number of browsers", async (t) => {
    let now = Date.now();
    const { issuer, method } = await opened(t, ALICE, () => now);
    const looks = () => issuer.requests.filter((each) => each.includes("openid-configuration")).length;
    await Promise.all([method.begin(trip()), method.begin(trip())]);
    await method.begin(trip());
    assert.equal(looks(), 1);
    now += 5 * 60_000;
    await method.begin(trip());
    assert.equal(looks(), 2);
  });

  it("finds groups in nested claims", async (t) => {
    const { issuer } = await opened(t);
    issuer.claims = (claims) => ({ ...claims, realm_access: { roles: ["admin", 5] } });
    const { id, secret } = OPENID_CLIENT;
    const method = openIdSignIn(
      {
        ...{ issuer: issuer.url, clientId: id, clientSecret: secret, scopes: "openid email" },
        groupsClaim: "realm_access.roles",
      },
      { fetch, now: Date.now },
    );
    const answer = (await walkTo(await method.begin(trip()), REDIRECT)).searchParams;
    const { person } = await method.finish(answer, trip());
    assert.deepEqual("groups" in person && person.groups, ["admin"]);
  });
});
