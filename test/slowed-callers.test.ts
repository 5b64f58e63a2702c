import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { type MovedClock, movedClock, until } from "./support/clock.ts";
import { type HttpAnswer, type Service, send, startService } from "./support/service.ts";

const GOOD = "good-token-0123456789abcdef0123456789abcdef";
const SHORT = "short-but-right-1";
const ATTACKER = "198.51.100.7";
const OTHER = "203.0.113.9";

type Scene = Service & { readonly clock: MovedClock; get(token: string, from?: string): Promise<HttpAnswer> };

/** The service behind a proxy on this machine, which reports the client's address. */
async function start(t: TestContext, settings: Record<string, string> = {}): Promise<Scene> {
  const clock = movedClock();
  const service = await startService(t, {
    settings: { AUTH_TOKENS: `ci:viewer:${GOOD},old:viewer:${SHORT}`, TRUSTED_PROXIES: "127.0.0.1", ...settings },
    options: { clock },
  });
  const get = (token: string, from = ATTACKER) =>
    send(service.url, {
      path: "/api/runs",
      headers: { authorization: `Bearer ${token}`, "x-forwarded-for": from },
    });
  return { ...service, clock, get };
}

/** The number of slowed-down credentials so far, by result. */
async function slowed({ url }: Service): Promise<Readonly<Record<string, number>>> {
  const { text } = await send(url, { path: "/metrics", headers: { authorization: `Bearer ${GOOD}` } });
  const found = text.matchAll(/^gh_runner_slowed_credentials_total\{result="(\w+)"\} (\d+)$/gm);
  return Object.fromEntries([...found].map(([, result, times]) => [result, Number(times)]));
}

const untilSlowed = (scene: Scene, times: number) =>
  until(`${times} are slowed down`, async () => {
    const { waited = 0, rejected = 0 } = await slowed(scene);
    return waited + rejected === times;
  });

const statuses = async (answers: readonly Promise<HttpAnswer>[]) =>
  (await Promise.all(answers)).map(({ status }) => status);

async function guess({ get }: Scene, times = 10, from = ATTACKER): Promise<void> {
  for (let nth = 0; nth < times; nth++) assert.equal((await get(`guess-${nth}`, from)).status, 401);
}

describe("wrong tokens over HTTP", () => {
  it("slow down only their address, and never a caller with a right token", async (t) => {
    const scene = await start(t);
    const { get, clock } = scene;
    assert.equal((await get(SHORT)).status, 200, "right before");
    await guess(scene);
    const guesses = Array.from({ length: 30 }, (_, nth) => get(`guess-${nth}`));
    await untilSlowed(scene, 30);
    assert.equal((await get(GOOD)).status, 200, "cannot be guessed");
    assert.equal((await get(SHORT)).status, 200, "was right before at this address");
    assert.equal((await get(SHORT, OTHER)).status, 200, "another address");
    await guess(scene, 5, OTHER);
    const tooMany = await get("guess-again");
    assert.equal(tooMany.status, 429);
    assert.ok(Number(tooMany.headers["retry-after"]) > 0);
    assert.match(tooMany.json.detail, /^Too many wrong credentials came from this address/);
    clock.move(60_000);
    const answers = await statuses(guesses);
    const waited = answers.filter((status) => status === 401).length;
    // The first has its turn immediately, maybe before the others arrive.
    assert.ok(waited === 20 || waited === 21, String(answers));
    assert.deepEqual(await slowed(scene), { waited, rejected: 31 - waited });
  });

  it("are slowed down also with a session, so that a session does not help guessing", async (t) => {
    const scene = await start(t);
    const signedIn = await send(scene.url, {
      ...{ method: "POST", path: "/sign-in", body: `token=${SHORT}` },
      headers: { "content-type": "application/x-www-form-urlencoded", "x-forwarded-for": ATTACKER },
    });
    const cookie = String(signedIn.headers["set-cookie"]).split(";")[0] ?? "";
    const guessing = (token: string) =>
      send(scene.url, {
        path: "/api/me",
        headers: { cookie, authorization: `Bearer ${token}`, "x-forwarded-for": ATTACKER },
      });
    for (let nth = 0; nth < 30; nth++) assert.equal((await guessing("of-a-proxy-in-front")).status, 200);
    for (let nth = 0; nth < 9; nth++) assert.equal((await guessing(`guess-${nth}`)).status, 200);
    const guesses = Array.from({ length: 30 }, (_, nth) => guessing(`guess-again-${nth}`));
    await untilSlowed(scene, 30);
    scene.clock.move(60_000);
    // The first has its turn immediately, and may be gone before the last arrives.
    assert.ok((await statuses(guesses)).filter((status) => status === 429).length >= 9);
  });

  it("do not delay an orderly stop", async (t) => {
    const scene = await start(t);
    await guess(scene);
    const guesses = [1, 2, 3, 4].map((nth) => scene.get(`guess-${nth}`).catch(() => undefined));
    await untilSlowed(scene, 4);
    await scene.app.close();
    await Promise.all(guesses);
  });

  it("do not slow down requests without a credential", async (t) => {
    const scene = await start(t);
    for (let nth = 0; nth < 30; nth++) assert.equal((await send(scene.url, { path: "/api/runs" })).status, 401);
    assert.equal((await scene.get(SHORT, "127.0.0.1")).status, 200);
  });
});

describe("the client's address over HTTP", () => {
  const rejected = ({ log }: Service) =>
    log().filter(({ msg }) => msg === "a request without a valid credential was rejected");

  it("is what a trusted proxy reports, in the log", async (t) => {
    const scene = await start(t);
    await scene.get("guess", `10.9.9.9, ${ATTACKER}`);
    assert.equal(rejected(scene)[0]?.address, ATTACKER, "and not what the client wrote before it");
  });

  for (const TRUSTED_PROXIES of ["", "192.0.2.0/24"])
    it(`is the connection's if that is no trusted proxy (${TRUSTED_PROXIES || "none"})`, async (t) => {
      const scene = await start(t, { TRUSTED_PROXIES });
      await scene.get("guess");
      const [record] = rejected(scene);
      assert.deepEqual([record?.address, record?.forwarded_for], ["127.0.0.1", ATTACKER]);
      // So an attacker cannot slow down another address, or escape with a new one each time.
      for (let nth = 0; nth < 9; nth++) await scene.get(`guess-${nth}`, `198.51.100.${nth}`);
      assert.equal((await scene.get("guess", "198.51.100.99")).status, 401);
      assert.deepEqual(await slowed(scene), { waited: 1, rejected: 0 });
    });
});

describe("huge tokens", () => {
  it("are rejected before a check, or immediately", async (t) => {
    const { get } = await start(t, {
      AUTH_OIDC: '[{"issuer":"https://issuer.invalid","audience":"x","claims":{"sub":"*"},"role":"viewer"}]',
    });
    assert.equal((await get(`eyJhbGciOiJub25lIn0.${"e".repeat(100_000)}.AAAA`)).status, 431);
    const begun = process.cpuUsage();
    const nested = Buffer.from(`{"iss":${"[".repeat(5000)}${"]".repeat(5000)}}`.slice(0, 9000)).toString("base64url");
    for (const token of [`eyJhbGciOiJSUzI1NiJ9.${nested}.AAAA`, `ey${"J".repeat(12_000)}.e.A`, "e.".repeat(6000)])
      assert.equal((await get(token)).status, 401);
    assert.ok(process.cpuUsage(begun).user < 5_000_000);
  });
});
