import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { exportSPKI } from "jose";
import { privateAuthority } from "../sandbox/certificates.ts";
import { startProxy } from "../sandbox/proxy.ts";
import { fetchJsonBy } from "../src/access/fetch-json.ts";
import { type OidcTrust, oidcTokens } from "../src/access/oidc.ts";
import { movedClock } from "./support/clock.ts";
import { temporaryFolder } from "./support/folder.ts";
import { startIssuer } from "./support/issuer.ts";

async function start(t: TestContext, entries: readonly Partial<OidcTrust>[] = [{}], options = {}) {
  const issuer = await startIssuer(t, options);
  const clock = movedClock(Date.now());
  const failures: string[] = [];
  const trusts = entries.map((entry) => ({
    issuer: issuer.url,
    audience: ["gh-runner"],
    claims: { sub: ["repo:acme/*"] },
    grant: { role: "caller" as const },
    name: "sub",
    ...entry,
  }));
  const way = oidcTokens(trusts, {
    clock,
    fetchJson: fetchJsonBy(() => undefined),
    failed: (_, error) => failures.push(error.message),
  });
  const identified = (token: string) =>
    way({
      authorization: `Bearer ${token}`,
      session: undefined,
      address: "192.0.2.1",
      peer: "192.0.2.1",
      rawHeaders: [],
    });
  /** The caller that a token authenticates. */
  const verify = async (token: string) => {
    const found = await identified(token);
    if (found?.status !== "known") return assert.fail(JSON.stringify(found));
    const { via, address, ...who } = found.principal;
    assert.deepEqual([via, address], ["oidc_token", "192.0.2.1"]);
    return who;
  };
  /** Why a token is rejected. */
  const rejected = async (token: string) => {
    const found = await identified(token);
    if (found?.status !== "unknown" || found.credential !== "oidc_token") return assert.fail(JSON.stringify(found));
    return /^The OIDC token was rejected: (.+)\.$/.exec(found.reason ?? "")?.[1] ?? assert.fail(String(found.reason));
  };
  /** The token can be accepted or rejected only later. */
  const unavailable = async (token: string, message = "not for later") => {
    const found = await identified(token);
    if (found?.status !== "later") return assert.fail(message + JSON.stringify(found));
    assert.deepEqual([found.http, found.retryAfterSeconds], [503, 10], message);
  };
  /** The claims with times by the moved clock. */
  const token = (claims = {}, header = {}) => issuer.token(claims, header, clock.now());
  return { issuer, clock, failures, identified, verify, rejected, unavailable, token };
}

const LET_IN = { grants: [{ role: "caller" }], actor: "oidc repo:acme/shop" };
const CLAIMS = ["header", "payload"] as const;

/** A token with the given parts, signed or not. */
function forged(parts: Record<(typeof CLAIMS)[number], object>, signature: (signed: string) => string): string {
  const signed = CLAIMS.map((part) => Buffer.from(JSON.stringify(parts[part])).toString("base64url")).join(".");
  return `${signed}.${signature(signed)}`;
}

const payloadOf = (token: string) => JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString());

describe("an OIDC token", () => {
  it("authenticates by issuer, audience and claims, and reads the issuer's keys once", async (t) => {
    const { issuer, verify, token } = await start(t);
    for (let nth = 0; nth < 5; nth++) assert.deepEqual(await verify(await token()), LET_IN);
    assert.deepEqual(
      issuer.requests.map(({ path }) => path),
      ["/.well-known/openid-configuration", "/keys"],
    );
  });

  for (const algorithm of ["ES256", "PS256", "EdDSA"])
    it(`may be signed with ${algorithm}`, async (t) => {
      const { verify, token } = await start(t, [{}], { algorithm });
      assert.deepEqual(await verify(await token()), LET_IN);
    });

  it("has the grants of all matching entries, and the name of the first", async (t) => {
    const { verify, token, rejected } = await start(t, [
      { claims: { repository: ["acme/shop", "acme/docs"], ref: ["refs/heads/main"] }, name: "repository" },
      { claims: { repository: ["acme/*"] }, grant: { role: "viewer" }, audience: ["other", "gh-runner"] },
      { claims: { repository: ["other/*"] }, grant: { role: "operator" } },
    ]);
    assert.deepEqual(await verify(await token({ repository: "acme/shop", ref: "refs/heads/main" })), {
      grants: [{ role: "caller" }, { role: "viewer" }],
      actor: "oidc acme/shop",
    });
    assert.deepEqual(await verify(await token({ repository: "acme/else", ref: "refs/heads/main" })), {
      grants: [{ role: "viewer" }],
      actor: "oidc repo:acme/shop",
    });
    assert.equal(
      await rejected(await token({ repository: "acme-evil/shop", ref: "refs/heads/main" })),
      "no entry of AUTH_OIDC for its issuer matches its claims: repository is acme-evil/shop",
    );
    const onlyOther = await token({ repository: "acme/shop", ref: "refs/heads/main", aud: "other" });
    assert.deepEqual((await verify(onlyOther)).grants, [{ role: "viewer" }]);
  });

  it("may have claims that are lists, numbers, or nested", async (t) => {
    const { verify, token, rejected } = await start(t, [
      {
        claims: {
          groups: ["platform"],
          run_attempt: ["1"],
          protected: ["true"],
          "/kubernetes.io/namespace": ["argocd"],
          "https://acme.example/team": ["x"],
        },
      },
    ]);
    const right = {
      groups: ["dev", "platform"],
      run_attempt: 1,
      protected: true,
      "kubernetes.io": { namespace: "argocd" },
      "https://acme.example/team": "x",
    };
    assert.deepEqual(await verify(await token(right)), LET_IN);
    assert.match(await rejected(await token({ ...right, groups: ["dev"] })), /groups is dev$/);
    assert.match(await rejected(await token({ ...right, groups: { platform: "platform" } })), /groups is missing$/);
    assert.match(await rejected(await token({ ...right, "kubernetes.io": {} })), /namespace is missing$/);
    assert.match(await rejected(await token({ ...right, "kubernetes.io": null })), /namespace is missing$/);
  });

  it("is rejected after its expiry, with 60 s of tolerance", async (t) => {
    const { clock, rejected, verify, token } = await start(t);
    const its = await token();
    clock.move(359_000);
    assert.deepEqual(await verify(its), LET_IN);
    clock.move(2000);
    assert.match(await rejected(its), /^it expired at 20\d\d-/);
  });

  it("is rejected before it is valid, with 60 s of tolerance, and without an expiry", async (t) => {
    const { clock, rejected, verify, token } = await start(t);
    const now = Math.floor(clock.now() / 1000);
    assert.deepEqual(await verify(await token({ nbf: now + 50 })), LET_IN);
    assert.match(await rejected(await token({ nbf: now + 120 })), /^it is not valid before 20\d\d-/);
    assert.equal(await rejected(await token({ exp: undefined })), "its claim exp is missing or wrong");
    assert.match(await rejected(await token({ exp: "tomorrow" as never })), /exp|valid/);
  });

  it("is rejected for another audience", async (t) => {
    const { rejected, verify, token } = await start(t);
    assert.equal(
      await rejected(await token({ aud: "sts.amazonaws.com" })),
      "its audience is sts.amazonaws.com, expected gh-runner",
    );
    assert.match(await rejected(await token({ aud: undefined })), /^its audience is missing/);
    assert.match(await rejected(await token({ aud: [] })), /^its audience is missing/);
    assert.deepEqual(await verify(await token({ aud: ["sts.amazonaws.com", "gh-runner"] })), LET_IN);
  });

  it("is rejected if its issuer is not configured, without a request to that issuer", async (t) => {
    const { issuer, rejected, token } = await start(t);
    const other = await startIssuer(t);
    assert.equal(await rejected(await other.token()), `its issuer ${other.url} is not in AUTH_OIDC`);
    assert.match(await rejected(await other.token({ iss: issuer.url })), /^its signature is wrong|does not have$/);
    assert.match(await rejected(await token({ iss: `${issuer.url}/` })), /is not in AUTH_OIDC/);
    assert.equal(other.requests.length, 0);
  });

  it("is rejected without a signature, or with the public key as the secret of one", async (t) => {
    const { issuer, identified, rejected, token } = await start(t);
    const payload = payloadOf(await token());
    for (const alg of ["none", "None", "NONE"]) {
      assert.match(
        await rejected(forged({ header: { alg }, payload }, () => "AAAA")),
        /^its algorithm is not one of RS256/,
      );
      assert.equal(identified(forged({ header: { alg }, payload }, () => "")), undefined, "no way takes it");
    }
    const pem = await exportSPKI(issuer.publicKey());
    const hmac = (signed: string) => createHmac("sha256", pem).update(signed).digest("base64url");
    assert.match(
      await rejected(forged({ header: { alg: "HS256", kid: issuer.kid() }, payload }, hmac)),
      /^its algorithm is not one of RS256/,
    );
    const [header, , signature] = (await token()).split(".");
    const changed = Buffer.from(JSON.stringify({ ...payload, sub: "repo:acme/admin" })).toString("base64url");
    assert.equal(await rejected(`${header}.${changed}.${signature}`), "its signature is wrong");
    // A key that the token names does not count.
    const { publicKey: _, ...attacker } = await startIssuer(t);
    assert.match(
      await rejected(await attacker.token({ iss: issuer.url }, { jku: `${attacker.url}/keys`, kid: "key-1" })),
      /signature/,
    );
    assert.equal(attacker.requests.length, 0);
    assert.match(
      await rejected(forged({ header: { alg: "RS256", crit: ["exp"], exp: 1 }, payload }, () => "AAAA")),
      /valid|signature|key/,
    );
  });

  it("is rejected when it is not a token", async (t) => {
    const { issuer, rejected, identified } = await start(t);
    for (const text of ["eyJhbGciOiJSUzI1NiJ9.W10.AAAA", "eyJhbGciOiJSUzI1NiJ9.bnVsbA.AAAA", "eyJhbGciOiJ.e.A"])
      assert.equal(await rejected(text), "it is not a JSON Web Token with an issuer");
    for (const text of ["a.b.c", "", "f".repeat(64), "eyJhbGciOiJSUzI1NiJ9.W10.", "eyJhbGciOiJSUzI1NiJ9.W10"])
      assert.equal(identified(text), undefined, "it is left to the other ways");
    const huge = forged(
      { header: { alg: "RS256" }, payload: { iss: issuer.url, x: "y".repeat(5_000_000) } },
      () => "AAAA",
    );
    const begun = process.cpuUsage();
    assert.match(await rejected(huge), /./);
    assert.ok(process.cpuUsage(begun).user < 2_000_000);
  });

  it("need not name its key, even if an issuer has several", async (t) => {
    const { issuer, verify, token, rejected } = await start(t);
    const other = await startIssuer(t);
    const keyOf = async (url: string) => {
      const { keys } = (await (await fetch(`${url}/keys`)).json()) as { keys: { kid?: string }[] };
      return { ...keys[0], kid: undefined };
    };
    const both = { keys: [await keyOf(other.url), await keyOf(issuer.url)] };
    issuer.setJwks(both);
    assert.deepEqual(await verify(await token({}, { kid: undefined })), LET_IN);
    const third = await startIssuer(t);
    assert.equal(await rejected(await third.token({ iss: issuer.url }, { kid: undefined })), "its signature is wrong");
  });
});

describe("the keys of an issuer", () => {
  it("may be new: an unknown key is fetched immediately", async (t) => {
    const { issuer, clock, verify, rejected, token } = await start(t);
    const before = await token();
    assert.deepEqual(await verify(before), LET_IN);
    await issuer.rotate();
    clock.move(10_000);
    assert.deepEqual(await verify(await token()), LET_IN);
    assert.equal(await rejected(before), "it is signed with a key that its issuer does not have");
  });

  it("are fetched at most every 10 s, for any number of tokens with unknown keys", async (t) => {
    const { issuer, clock, verify, rejected, token } = await start(t);
    await verify(await token());
    const unknown = await Promise.all(Array.from({ length: 50 }, (_, nth) => token({}, { kid: `unknown-${nth}` })));
    for (let second = 0; second < 30; second++) {
      await Promise.all(unknown.map(rejected));
      clock.move(1000);
    }
    // Discovery and keys: once at the beginning, then at 10 and 20 s.
    assert.equal(issuer.requests.length, 6);
  });

  it("stop counting ten minutes after the issuer withdrew them", async (t) => {
    const { issuer, clock, verify, rejected, token } = await start(t);
    const stolen = await token({ exp: Math.floor(clock.now() / 1000) + 86_400 });
    assert.deepEqual(await verify(stolen), LET_IN);
    await issuer.rotate();
    clock.move(600_000);
    assert.match(await rejected(stolen), /does not have$/);
  });

  it("that are known count for a day while the issuer is down", async (t) => {
    const { issuer, clock, verify, token, failures, unavailable } = await start(t);
    const long = await token({ exp: Math.floor(clock.now() / 1000) + 3 * 86_400 });
    await verify(long);
    issuer.break((answer) => answer.writeHead(502).end());
    clock.move(23 * 3_600_000);
    assert.deepEqual(await verify(long), LET_IN);
    assert.deepEqual(failures, [
      `GET ${issuer.url}/.well-known/openid-configuration: the answer was 502, expected 200`,
    ]);
    clock.move(3_600_000);
    await unavailable(long);
    issuer.break(undefined);
    clock.move(10_000);
    assert.deepEqual(await verify(long), LET_IN);
  });

  it("that are unknown lead to an answer for later, never to a rejection, while the issuer is down", async (t) => {
    const { issuer, clock, verify, rejected, token, unavailable } = await start(t);
    const its = await token();
    issuer.break((answer) => answer.destroy());
    for (let nth = 0; nth < 20; nth++) await unavailable(its);
    assert.equal(issuer.requests.length, 1, "it is asked every 10 s at most");
    issuer.break(undefined);
    clock.move(10_000);
    assert.deepEqual(await verify(its), LET_IN);
    issuer.break((answer) => answer.writeHead(503).end());
    clock.move(10_000);
    await issuer.rotate();
    await unavailable(await token(), "a key that may be new");
    assert.deepEqual(await verify(its), LET_IN, "a key that is known");
    issuer.break(undefined);
    clock.move(10_000);
    assert.deepEqual(await verify(await token()), LET_IN);
    assert.match(await rejected(its), /does not have$/);
  });

  it("do not delay callers with a known key while the issuer does not answer", async (t) => {
    const { issuer, clock, verify, token } = await start(t);
    const its = await token({ exp: Math.floor(clock.now() / 1000) + 86_400 });
    await verify(its);
    issuer.break((answer) => answer.writeHead(500).end());
    clock.move(600_000);
    await verify(its);
    issuer.break(() => {});
    clock.move(10_000);
    assert.deepEqual(await verify(its), LET_IN);
    issuer.close();
  });

  const FAULTS: Readonly<Record<string, { break?: string; discovery?: object; jwks?: unknown; says: RegExp }>> = {
    "an issuer that names another": {
      discovery: { issuer: "https://evil.example" },
      says: /its issuer is "https:\/\/evil.example"/,
    },
    "keys over plain http": {
      discovery: { jwks_uri: "http://192.0.2.1/keys" },
      says: /jwks_uri is not an https address/,
    },
    "keys at a file": { discovery: { jwks_uri: "file:///etc/passwd" }, says: /jwks_uri is not an https address/ },
    "keys that are none": { jwks: { keys: "none" }, says: /malformed/ },
    "no JSON": { break: "<html>", says: /JSON/ },
    "an endless answer": { break: "x".repeat(600_000), says: /longer than 524288 bytes/ },
  };
  for (const [what, { says, ...fault }] of Object.entries(FAULTS))
    it(`are not taken from ${what}`, async (t) => {
      const { issuer, token, failures, unavailable } = await start(t);
      Object.assign(issuer.discovery, fault.discovery);
      if (fault.jwks) issuer.setJwks(fault.jwks);
      if (fault.break) issuer.break((answer) => answer.end(fault.break));
      await unavailable(await token());
      assert.match(failures.join(), says);
    });

  it("are not fetched from a redirect of the issuer", async (t) => {
    const { issuer, token, failures, unavailable } = await start(t);
    const other = await startIssuer(t);
    issuer.break((answer) => answer.writeHead(302, { location: `${other.url}/keys` }).end());
    await unavailable(await token());
    assert.match(failures.join(), /the answer was 302/);
    assert.equal(other.requests.length, 0);
  });

  it("do not verify anything if they are symmetric", async (t) => {
    const { issuer, rejected, token } = await start(t);
    issuer.setJwks({ keys: [{ kty: "oct", kid: issuer.kid(), k: Buffer.from("secret").toString("base64url") }] });
    const hmac = (signed: string) => createHmac("sha256", "secret").update(signed).digest("base64url");
    const payload = payloadOf(await token());
    assert.match(await rejected(forged({ header: { alg: "HS256", kid: issuer.kid() }, payload }, hmac)), /algorithm/);
  });

  it("may need a bearer token, which is read from a file and sent to no other host", async (t) => {
    const file = join(temporaryFolder(t), "token");
    writeFileSync(file, "first\n");
    const { issuer, clock, verify, rejected, token } = await start(t, [{ tokenFile: file }]);
    await verify(await token());
    writeFileSync(file, "second\n");
    clock.move(600_000);
    await verify(await token());
    assert.deepEqual(
      issuer.requests.map(({ authorization }) => authorization),
      ["Bearer first", "Bearer first", "Bearer second", "Bearer second"],
    );
    const other = await startIssuer(t);
    issuer.discovery.jwks_uri = `${other.url}/keys`;
    clock.move(600_000);
    assert.equal(await rejected(await token()), "its signature is wrong", "the other has another key");
    assert.deepEqual(other.requests, [{ path: "/keys", authorization: undefined }]);
  });

  it("may be at a separate address", async (t) => {
    const issuer = await startIssuer(t);
    const { verify, clock } = await start(t, [
      { issuer: "https://kubernetes.default.svc", jwks: `${issuer.url}/keys` },
    ]);
    const its = await issuer.token({ iss: "https://kubernetes.default.svc" }, {}, clock.now());
    assert.deepEqual(await verify(its), LET_IN);
    assert.deepEqual(issuer.requests, [{ path: "/keys", authorization: undefined }]);
  });

  it("are read over TLS, with the system's authorities or only those of a file, and through a proxy", async (t) => {
    const authority = privateAuthority();
    const file = join(temporaryFolder(t), "ca.crt");
    writeFileSync(file, authority.cert);
    const { url: plain } = await startIssuer(t);
    const server = createServer(authority.issue("issuer.example", "127.0.0.1"), async (request, answer) =>
      answer.end(await (await fetch(plain + request.url)).text()),
    ).listen(0, "127.0.0.1");
    t.after(() => server.close());
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const read = fetchJsonBy(() => undefined);
    await assert.rejects(read(`https://127.0.0.1:${port}/keys`, {}), /^Error: GET https:.*certificate/);
    assert.deepEqual(Object.keys((await read(`https://127.0.0.1:${port}/keys`, { caFile: file })) as object), ["keys"]);
    await assert.rejects(read(`https://localhost:${port}/keys`, { caFile: file }), /does not match certificate/);
    const proxy = await startProxy({ hosts: { [`issuer.example:${port}`]: port } });
    t.after(() => proxy.close());
    const byProxy = fetchJsonBy(() => proxy.url);
    assert.deepEqual(Object.keys((await byProxy(`https://issuer.example:${port}/keys`, { caFile: file })) as object), [
      "keys",
    ]);
    assert.equal(proxy.counts.tunnels, 1);
    await assert.rejects(read(`https://127.0.0.1:${port}/keys`, { caFile: `${file}.gone` }), /ENOENT/);
  });
});
