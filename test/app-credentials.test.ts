import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { describe, it, type TestContext } from "node:test";
import { inspect } from "node:util";
import { jwtVerify } from "jose";
import { startGitHub } from "../sandbox/github.ts";
import type { Ask } from "../src/github/ask.ts";
import { appCredentials } from "../src/github/auth/app-credentials.ts";
import type { Credential, Need } from "../src/github/auth/credentials.ts";
import { failureOf } from "../src/github/failures.ts";
import { openGitHubHttp } from "../src/github/http.ts";
import { limitWord } from "../src/github/limits/pause.ts";
import { isFailure } from "../src/model/failure.ts";
import { knownSecrets } from "../src/observe/secrets.ts";
import { movedClock } from "./support/clock.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

const READ: Need = { repository: "acme/deployment", permission: "Contents: read" };
const WRITE: Need = { repository: "globex/shop", permission: "Contents: write" };

const FIND = "GET /repos/{owner}/{repo}/installation";
const ISSUE = "POST /app/installations/{installation_id}/access_tokens";

const keys = generateKeyPairSync("rsa", { modulusLength: 2048 });
const otherKeys = generateKeyPairSync("rsa", { modulusLength: 2048 });
const publicKey = keys.publicKey.export({ type: "spki", format: "pem" }).toString();
const pem = (key = keys.privateKey, type: "pkcs1" | "pkcs8" = "pkcs8") =>
  key.export({ type, format: "pem" }).toString();

type Installation = { id: number; owner: string; suspended: boolean; permissions?: { contents: "read" | "write" } };

/** An App with an installation on acme and one on globex. The service's clock is off by `skewMs` until GitHub corrects it. */
async function scene(
  t: TestContext,
  {
    skewMs = 0,
    corrected = true,
    privateKey = pem(),
    basePath = "",
  }: { skewMs?: number; corrected?: boolean; privateKey?: string; basePath?: string } = {},
) {
  const clock = movedClock();
  const github = await startGitHub({ now: clock.now, basePath });
  t.after(() => github.close());
  for (const name of ["acme/deployment", "acme/other", "globex/shop", "initech/shop"]) github.repository(name);
  github.repository("acme/deployment").put("a.yaml", "a: 1\n");
  const acme: Installation = { id: 42, owner: "acme", suspended: false };
  const globex: Installation = { id: 43, owner: "Globex", suspended: false };
  const installations = [acme, globex];
  github.app({ id: 7, publicKey, installations });

  const { send, close } = openGitHubHttp({ apiUrl: github.url, brief: knownSecrets([]).brief, userAgent: "test" });
  t.after(close);
  const local = () => clock.now() + skewMs;
  let correction = 0;
  const now = () => local() + correction;
  const askAs =
    (token: string): Ask =>
    async (attempted, route, parameters, expected) => {
      const answer = await send(route, parameters, token);
      if (corrected) correction = Date.parse(String(answer.headers.date)) - local();
      const word = limitWord(answer, now());
      const limit = word?.rejected ? { notBefore: word.until ?? now() + MINUTE } : {};
      if (expected.includes(answer.status) && !word?.rejected) return answer;
      throw failureOf(attempted, answer, { apiUrl: github.url, ...limit });
    };
  const hidden = new Set<string>();
  const hide = (secret: string) => {
    hidden.add(secret);
    return () => void hidden.delete(secret);
  };
  const credentials = appCredentials({ id: "7", privateKey: () => privateKey, apiUrl: github.url, askAs, hide, now });

  const seen = (route: string) => github.requests.filter((request) => request.route === route);
  /** Reads or dispatches with this credential. Returns the status of the answer. */
  const use = async ({ repository, permission }: Need, { token }: Credential): Promise<number> => {
    const [owner, repo] = repository.split("/");
    const answer =
      permission === "Contents: read"
        ? await send("GET /repos/{owner}/{repo}/contents/{path}", { owner, repo, path: "a.yaml" }, token)
        : await send("POST /repos/{owner}/{repo}/dispatches", { owner, repo, event_type: "x" }, token);
    return answer.status;
  };
  /** The failure of a need. It must not contain a secret. */
  const failure = async (need: Need): Promise<Error & { kind: string }> => {
    const error = await credentials(need).then(
      () => assert.fail("there was a token"),
      (error) => error,
    );
    assert.ok(isFailure(error), inspect(error));
    const all = inspect(error, { depth: 10 });
    const jwts = github.requests.map(({ headers }) => headers.authorization?.split(" ")[1] ?? "none");
    for (const secret of [...hidden, ...jwts, ...privateKey.split("\n").slice(1, -2)]) {
      assert.ok(!all.includes(secret), all);
    }
    return error;
  };
  return { clock, github, installations, acme, globex, credentials, seen, use, failure, hidden };
}

const at50 = <T>(work: () => Promise<T>): Promise<T[]> => Promise.all(Array.from({ length: 50 }, work));

describe("a GitHub App's tokens", () => {
  it("are those of the installation on each repository's owner", async (t) => {
    const { credentials, use } = await scene(t);
    const [reading, writing] = [await credentials(READ), await credentials(WRITE)];
    assert.deepEqual([reading.account, writing.account], ["installation 42", "installation 43"]);
    assert.deepEqual([await use(READ, reading), await use(WRITE, writing)], [200, 204]);
  });

  it("are requested in the same way from GitHub Enterprise Server, with a PKCS#1 key", async (t) => {
    const { credentials, use } = await scene(t, { basePath: "/api/v3", privateKey: pem(keys.privateKey, "pkcs1") });
    assert.equal(await use(READ, await credentials(READ)), 200);
  });

  it("reach one repository with one permission", async (t) => {
    const { github, credentials, seen, use } = await scene(t);
    github.repository("acme/other").put("a.yaml", "a: 1\n");
    const reading = await credentials(READ);
    assert.deepEqual(JSON.parse(seen(ISSUE)[0]!.body), {
      repositories: ["deployment"],
      permissions: { contents: "read" },
    });
    assert.equal(await use(READ, reading), 200);
    assert.equal(await use({ ...READ, permission: "Contents: write" }, reading), 403);
    assert.equal(await use({ ...READ, repository: "acme/other" }, reading), 404);
  });

  it("are requested as GitHub's API describes", async (t) => {
    const { credentials, seen } = await scene(t);
    await credentials({ ...READ, permission: "Pull requests: write" }).catch(() => {});
    assert.deepEqual(JSON.parse(seen(ISSUE)[0]!.body).permissions, { pull_requests: "write" });
  });

  it("are cached per repository and permission; the installation is looked up once per owner", async (t) => {
    const { credentials, seen } = await scene(t);
    const first = await credentials(READ);
    assert.equal((await credentials({ ...READ, repository: "ACME/Deployment" })).token, first.token);
    const others = [
      await credentials({ ...READ, permission: "Contents: write" }),
      await credentials({ ...READ, repository: "Acme/other" }),
    ];
    assert.equal(new Set([first, ...others].map(({ token }) => token)).size, 3);
    assert.deepEqual([seen(FIND).length, seen(ISSUE).length], [1, 3]);
  });

  it("are requested once for 50 callers at the same time", async (t) => {
    const { credentials, seen } = await scene(t);
    const all = await at50(() => credentials(READ));
    assert.equal(new Set(all.map(({ token }) => token)).size, 1);
    assert.deepEqual([seen(FIND).length, seen(ISSUE).length], [1, 1]);
  });

  it("are renewed five minutes before they expire, once for all callers", async (t) => {
    const { clock, credentials, seen, use } = await scene(t);
    const first = await credentials(READ);
    clock.move(55 * MINUTE - 1000);
    assert.equal((await credentials(READ)).token, first.token);
    clock.move(1000);
    const [second, ...others] = await at50(() => credentials(READ));
    assert.notEqual(second!.token, first.token);
    assert.ok(others.every(({ token }) => token === second!.token));
    assert.deepEqual([seen(FIND).length, seen(ISSUE).length], [1, 2]);
    clock.move(6 * MINUTE);
    assert.deepEqual([await use(READ, first), await use(READ, second!)], [401, 200]);
  });

  it("that were revoked are renewed once, for all callers that were rejected", async (t) => {
    const { github, credentials, seen, use } = await scene(t);
    const revoked = await at50(() => credentials(READ));
    github.revoke(revoked[0]!.token);
    assert.equal(await use(READ, revoked[0]!), 401);
    const renewed = await Promise.all(revoked.map(async (each) => (await each.renew!())!));
    assert.equal(new Set(renewed.map(({ token }) => token)).size, 1);
    assert.equal(await use(READ, renewed[0]!), 200);
    assert.equal((await revoked[7]!.renew!())!.token, renewed[0]!.token, "a late caller gets the same");
    assert.equal((await credentials(READ)).token, renewed[0]!.token);
    assert.equal(seen(ISSUE).length, 2);
  });

  it("that are rejected a second time are not renewed again", async (t) => {
    const { credentials } = await scene(t);
    const renewed = (await (await credentials(READ)).renew!())!;
    assert.equal(renewed.renew, undefined);
  });

  it("are not issued while the installation is suspended, and are issued after it", async (t) => {
    const { clock, acme, credentials, use, failure } = await scene(t);
    const before = await credentials(READ);
    acme.suspended = true;
    assert.equal(await use(READ, before), 403);
    clock.move(56 * MINUTE);
    const { kind, message } = await failure(READ);
    assert.equal(kind, "permanent");
    assert.match(
      message,
      /403 "This installation has been suspended" \(request id .*An owner of acme has suspended the App: unsuspend it/,
    );
    assert.equal(await use(WRITE, await credentials(WRITE)), 204, "the other organisation still works");
    acme.suspended = false;
    assert.equal(await use(READ, await credentials(READ)), 200);
  });

  it("come from the new installation once the App was installed again", async (t) => {
    const { github, installations, credentials, seen, use } = await scene(t);
    const before = await credentials(READ);
    github.revoke(before.token);
    installations[0] = { id: 52, owner: "acme", suspended: false };
    const after = (await before.renew!())!;
    assert.equal(after.account, "installation 52");
    assert.equal(await use(READ, after), 200);
    assert.deepEqual([seen(FIND).length, seen(ISSUE).map(({ status }) => status)], [2, [201, 404, 201]]);
    await credentials({ ...READ, repository: "acme/other" });
    assert.equal(seen(FIND).length, 2);
  });

  it("end with the App's uninstallation", async (t) => {
    const { github, installations, credentials } = await scene(t);
    const before = await credentials(READ);
    github.revoke(before.token);
    installations.shift();
    await assert.rejects(
      before.renew!(),
      /404 "Not Found".* Install the GitHub App on acme and select acme\/deployment/,
    );
  });

  it("are hidden from the log until they have expired, and the JWT while it is used", async (t) => {
    const { clock, credentials, hidden } = await scene(t);
    const first = await credentials(READ);
    const renewed = (await first.renew!())!;
    assert.deepEqual([...hidden].sort(), [first.token, renewed.token].sort());
    for (let hour = 0; hour < 24; hour++) {
      clock.move(HOUR);
      await credentials(READ);
    }
    assert.deepEqual([...hidden], [(await credentials(READ)).token]);
  });
});

describe("a GitHub App's JWT", () => {
  it("holds by the rules of GitHub and of a JWT library: RS256, backdated by a minute, ten minutes at most", async (t) => {
    const { clock, credentials, seen } = await scene(t);
    await credentials(READ);
    const seconds = clock.now() / 1000;
    for (const request of [...seen(FIND), ...seen(ISSUE)]) {
      const [scheme, jwt = ""] = request.headers.authorization!.split(" ");
      assert.equal(scheme, "Bearer");
      const { payload, protectedHeader } = await jwtVerify(jwt, keys.publicKey, {
        algorithms: ["RS256"],
        typ: "JWT",
        issuer: "7",
        currentDate: new Date(clock.now()),
        requiredClaims: ["iat", "exp"],
      });
      assert.deepEqual(protectedHeader, { alg: "RS256", typ: "JWT" });
      assert.deepEqual(payload, { iss: "7", iat: seconds - 60, exp: seconds + 540 });
    }
  });

  for (const skewMs of [-HOUR, HOUR]) {
    it(`is signed again by GitHub's clock when the local clock is off by ${skewMs / HOUR} h`, async (t) => {
      const { credentials, seen, use } = await scene(t, { skewMs });
      assert.equal(await use(READ, await credentials(READ)), 200);
      assert.deepEqual(
        seen(FIND).map(({ status }) => status),
        [401, 200],
      );
      assert.equal(seen(ISSUE).length, 1);
      assert.equal((await credentials(READ)).token, (await credentials(READ)).token);
      assert.equal(seen(ISSUE).length, 1, "the token's end is understood by GitHub's clock, too");
    });
  }

  it("is signed again only once", async (t) => {
    const { failure, seen } = await scene(t, { skewMs: HOUR, corrected: false });
    assert.equal((await failure(READ)).kind, "permanent");
    assert.equal(seen(FIND).length, 2);
  });
});

describe("a GitHub App without a token says what to do", () => {
  it("when it is not installed on the owner", async (t) => {
    const { failure } = await scene(t);
    const { kind, message } = await failure({ ...READ, repository: "initech/shop" });
    assert.equal(kind, "permanent");
    assert.match(
      message,
      /^Finding the GitHub App's installation for initech\/shop failed: GitHub answered 404 "Not Found" \(request id \w+:5EED\)\. Install the GitHub App on initech and select initech\/shop\. Also check the name\.$/,
    );
  });

  it("when it is installed there, but the repository is not selected or does not exist", async (t) => {
    const { credentials, failure } = await scene(t);
    await credentials(READ);
    const { kind, message } = await failure({ ...READ, repository: "acme/none" });
    assert.equal(kind, "permanent");
    assert.match(
      message,
      /422 "There is at least one repository .*Select acme\/none .* on acme\. If .* current name\.$/,
    );
  });

  it("when the repository was renamed", async (t) => {
    const { github, failure } = await scene(t);
    github.repository("acme/deployment").rename("acme/environments");
    assert.match((await failure(READ)).message, /422 .* If the repository was renamed, use its current name\.$/);
  });

  it("when the repository has a new owner", async (t) => {
    const { github, failure, credentials, seen } = await scene(t);
    github.repository("acme/other").rename("globex/other");
    const { message } = await failure({ ...READ, repository: "acme/other" });
    assert.match(message, /belongs to Globex now\. Use the current name of acme\/other in the settings\.$/);
    assert.equal(
      (await credentials(READ)).account,
      "installation 42",
      "and acme's other repositories are not affected",
    );
    assert.equal(seen(ISSUE).length, 1);
  });

  it("when it was not given the permission", async (t) => {
    const { globex, failure } = await scene(t);
    globex.permissions = { contents: "read" };
    const { message } = await failure(WRITE);
    assert.match(
      message,
      /422 "The permissions requested are not granted .*Give the GitHub App "Contents: write" in its settings, then accept it in the settings of globex\.$/,
    );
  });

  it("when the key is not the App's", async (t) => {
    const { failure } = await scene(t, { privateKey: pem(otherKeys.privateKey) });
    const { kind, message } = await failure(READ);
    assert.equal(kind, "permanent");
    assert.match(
      message,
      /401 "A JSON web token could not be decoded".*GITHUB_APP_PRIVATE_KEY is not a key of the App/,
    );
  });

  for (const [what, status, said, remedy] of [
    ["no App has its id", 404, "Integration not found", /set GITHUB_APP_ID to/],
    ["its id is no id", 401, "'Issuer' claim ('iss') must be an Integer", /set GITHUB_APP_ID to/],
    ["the clock is wrong", 401, "'Expiration time' claim ('exp') is too far in the future", /clock of this machine/],
  ] as const) {
    it(`when ${what}`, async (t) => {
      const { github, failure } = await scene(t);
      const body = JSON.stringify({ message: said });
      github.fault({ route: FIND, times: 9 }, { kind: "status", status, body });
      const { message } = await failure(READ);
      assert.ok(message.includes(`${status} "${said}"`));
      assert.match(message, remedy);
    });
  }

  it("when GitHub names an installation that gives no tokens", async (t) => {
    const { github, failure } = await scene(t);
    github.fault({ route: ISSUE, times: 9 }, { kind: "status", status: 404, body: '{"message":"Not Found"}' });
    assert.match((await failure(READ)).message, /does not know the installation .* Install the GitHub App on acme/);
  });

  it("when something in between answers instead of GitHub", async (t) => {
    const { github, failure, credentials } = await scene(t);
    github.fault({ route: FIND, times: 1 }, { kind: "status", status: 200, body: "<html>" });
    assert.match(
      (await failure(READ)).message,
      /does not have the expected content\. Check GITHUB_API_URL and any proxy/,
    );
    github.fault({ route: ISSUE, times: 1 }, { kind: "status", status: 201, body: '{"token":"ghs_x"}' });
    assert.match((await failure(READ)).message, /does not have the expected content/);
    await credentials(READ);
  });

  it("and waits for a limit, or retries, as every request does", async (t) => {
    const { clock, github, failure, credentials } = await scene(t);
    github.fault({ route: FIND, times: 1 }, { kind: "limit", secondary: true, retryAfterSeconds: 30 });
    const limit = await failure(READ);
    assert.equal(limit.kind, "limit");
    assert.equal((limit as unknown as { notBefore: number }).notBefore, clock.now() + 30_000);
    github.fault({ route: ISSUE, times: 1 }, { kind: "status", status: 502 });
    assert.equal((await failure(READ)).kind, "transient");
    await credentials(READ);
  });
});
