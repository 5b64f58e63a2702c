import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { describe, it, type TestContext } from "node:test";
import { movedClock, until } from "./support/clock.ts";
import { deploy, notify, startService } from "./support/service.ts";

const HOUR = 3_600_000;
const keys = generateKeyPairSync("rsa", { modulusLength: 2048 });
const publicKey = keys.publicKey.export({ type: "spki", format: "pem" }).toString();
const privateKey = keys.privateKey.export({ type: "pkcs1", format: "pem" }).toString();

/** The service as an App that is installed on two organisations: it reads in one and dispatches to the other. */
async function serviceWithApp(t: TestContext) {
  const clock = movedClock();
  const service = await startService(t, {
    settings: {
      GITHUB_TOKEN: "",
      GITHUB_APP_ID: "7",
      GITHUB_APP_PRIVATE_KEY: privateKey.replaceAll("\n", "\\n"),
      TARGET_REPO: "globex/shop",
    },
    github: { now: clock.now },
    options: { clock, random: () => 0 },
  });
  const { github } = service;
  github.repository("globex/shop");
  const reading = { id: 42, owner: "acme", permissions: { contents: "read" }, suspended: false } as const;
  const writing = { id: 43, owner: "globex", suspended: false };
  github.app({ id: 7, publicKey, installations: [reading, writing] });
  deploy(github, "pr-1", "abc");
  const usedBy = (method: string) =>
    github.requests.filter((each) => each.method === method).at(-1)!.headers.authorization;
  return { ...service, clock, writing, usedBy };
}

describe("a service that is a GitHub App on two organisations", () => {
  it("dispatches, with a separate token for each of them", async (t) => {
    const { github, url, usedBy, log } = await serviceWithApp(t);
    assert.equal((await notify(url, { application: "pr-1" })).status, 200);
    assert.deepEqual(
      github.dispatches.map(({ repo }) => repo),
      ["globex/shop"],
    );
    assert.match(github.dispatches[0]!.token, /^ghs_/);
    assert.notEqual(usedBy("GET"), usedBy("POST"));
    assert.ok(!log().some(({ msg }) => String(msg).includes("is set: only requests")));
  });

  it("can be limited in one of them and still send to the other", async (t) => {
    const { github, url, clock } = await serviceWithApp(t);
    assert.equal((await notify(url, { application: "pr-1" })).status, 200);
    const dispatches = "POST /repos/{owner}/{repo}/dispatches";
    github.fault({ route: dispatches, times: 1 }, { kind: "limit", secondary: true, retryAfterSeconds: 600 });
    assert.equal((await notify(url, { application: "pr-1" })).status, 202);
    const before = github.requests.length;
    github.token("callers-token-0123456789", { login: "caller" });
    deploy(github, "pr-2", "def");
    const withToken = await notify(url, { application: "pr-2", github_token: "callers-token-0123456789" });
    assert.equal(withToken.status, 200, "the token of a request has a separate gate");
    assert.ok(github.requests.length > before);
    clock.move(600_000);
    await until("the limit has ended", () => github.dispatches.length === 3);
  });

  it("works again when the installation is unsuspended and the event is sent again", async (t) => {
    const { url, writing } = await serviceWithApp(t);
    assert.equal((await notify(url, { application: "pr-1" })).status, 200);
    writing.suspended = true;
    const suspended = await notify(url, { application: "pr-1" });
    assert.equal(suspended.status, 500);
    assert.match(suspended.json.detail, /An owner of globex has suspended the App: unsuspend it/);
    writing.suspended = false;
    assert.equal((await notify(url, { application: "pr-1" })).status, 200);
  });

  it("gets another token when its cached token was revoked, and renews it before it expires", async (t) => {
    const { github, url, clock, log } = await serviceWithApp(t);
    assert.equal((await notify(url, { application: "pr-1" })).status, 200);
    const first = github.dispatches.at(-1)!.token;
    github.revoke(first);
    assert.equal((await notify(url, { application: "pr-1" })).status, 200);
    const second = github.dispatches.at(-1)!.token;
    assert.notEqual(second, first);
    clock.move(HOUR - 60_000);
    assert.equal((await notify(url, { application: "pr-1" })).status, 200);
    assert.notEqual(github.dispatches.at(-1)!.token, second);
    const logged = JSON.stringify(log());
    assert.ok(![first, second].some((token) => logged.includes(token)));
  });

  it("waits for a passing fault when even a new token is rejected", async (t) => {
    const { github, url } = await serviceWithApp(t);
    github.fault({ route: "POST /repos/{owner}/{repo}/dispatches" }, { kind: "status", status: 401 });
    const answer = await notify(url, { application: "pr-1" });
    assert.equal(answer.status, 500);
    assert.match(answer.json.detail, /401 to a token that it had just issued.*retried automatically/);
  });
});
