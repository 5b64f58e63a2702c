import assert from "node:assert/strict";
import { chmodSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { openLog } from "../src/observe/log.ts";
import { knownSecrets } from "../src/observe/secrets.ts";
import { readConfig } from "../src/service/config/config.ts";
import { checkSettings } from "../src/service/doctor.ts";
import { openLiveConfig } from "../src/service/live-config.ts";
import { appKey } from "./support/apps.ts";
import { movedClock, until } from "./support/clock.ts";
import { temporaryFolder } from "./support/folder.ts";
import { send, startService } from "./support/service.ts";

const FIRST = "first-token-0123456789abcdef";
const SECOND = "second-token-0123456789abcdef";

/** Root may read everything, so this runs as another user. */
async function asNobody(work: () => Promise<void>): Promise<void> {
  if (process.geteuid?.() !== 0) return work();
  process.seteuid?.(65_534);
  await work().finally(() => process.seteuid?.(0));
}

/** Settings with this one in a file, which are read again. Time is simulated. */
function scene(
  t: TestContext,
  {
    name = "AUTH_TOKENS",
    text = FIRST,
    path = join(temporaryFolder(t), "secret"),
    whileSettling = async () => {},
    settings = {},
  }: {
    name?: string;
    text?: string;
    path?: string;
    /** Runs while the reader waits until a file is written completely. */
    whileSettling?: (waits: number) => Promise<void>;
    settings?: Record<string, string>;
  } = {},
) {
  if (text !== "") writeFileSync(path, text);
  const clock = movedClock();
  const lines: string[] = [];
  const secrets = knownSecrets([]);
  const replaced: string[][] = [];
  let waits = 0;
  const live = openLiveConfig(readConfig({ ...settings, [`${name}_FILE`]: path }), {
    ...{
      clock,
      secrets,
      log: openLog({ level: "info", secrets, destination: { write: (line) => void lines.push(line) } }),
    },
    wait: () => whileSettling(waits++),
    apply: async () => [],
    replaced: (names) => void replaced.push([...names]),
  });
  t.after(live.close);
  const log = () => lines.map((line) => JSON.parse(line) as { msg: string; name?: string; reason?: string });
  return {
    ...{ clock, live, path, replaced, lines, secrets },
    tokens: () => live.now().auth.tokens.map(({ text: each }) => each),
    warnings: () => log().filter(({ msg }) => msg.startsWith("a secret cannot be reloaded")),
    /** Checks the files, as the service does every five seconds. */
    async look() {
      clock.move(5000);
      await live.refresh();
    },
  };
}

describe("a secret in a file", () => {
  it("is read again every five seconds", async (t) => {
    const { clock, live, path, tokens, replaced, lines } = scene(t);
    writeFileSync(path, `${SECOND}\n`);
    clock.move(4999);
    await new Promise(setImmediate);
    assert.deepEqual(tokens(), [FIRST]);
    clock.move(1);
    await until("it was read", () => tokens()[0] === SECOND);
    assert.deepEqual(replaced, [["AUTH_TOKENS"]]);
    assert.match(lines.join(""), /"names":\["AUTH_TOKENS"\].*secrets were reloaded: the new values are in use/);
    assert.equal(live.now().store.dataDir, "./data", "the other settings stay");
    clock.move(60_000);
    await live.refresh();
    assert.equal(replaced.length, 1, "once per change");
  });

  it("is read immediately on request, once for all concurrent requests", async (t) => {
    let reads = 0;
    const { live, path, tokens } = scene(t, { whileSettling: async () => void reads++ });
    writeFileSync(path, SECOND);
    await Promise.all(Array.from({ length: 1000 }, () => live.refresh()));
    assert.deepEqual(tokens(), [SECOND]);
    assert.ok(reads <= 2, `waited ${reads} times`);
  });

  it("is found by a request after it was written, even while a check is running", async (t) => {
    const { live, path, tokens } = scene(t);
    const third = `third-${SECOND}`;
    writeFileSync(path, SECOND);
    const first = live.refresh();
    for (let turns = 0; turns < 3; turns++) await new Promise(setImmediate);
    writeFileSync(path, third);
    await live.refresh();
    assert.deepEqual(tokens(), [third]);
    await first;
  });

  it("is accepted when it is renamed into place, and when Kubernetes swaps the folder that ..data links to", async (t) => {
    const folder = temporaryFolder(t);
    const secret = (version: string, text: string) => {
      mkdirSync(join(folder, version));
      writeFileSync(join(folder, version, "token"), text);
    };
    secret("..1", FIRST);
    symlinkSync("..1", join(folder, "..data"));
    symlinkSync("..data/token", join(folder, "token"));
    const { look, tokens } = scene(t, { path: join(folder, "token"), text: "" });
    await look();
    assert.deepEqual(tokens(), [FIRST]);
    secret("..2", SECOND);
    symlinkSync("..2", join(folder, "..data_tmp"));
    renameSync(join(folder, "..data_tmp"), join(folder, "..data"));
    rmSync(join(folder, "..1"), { recursive: true });
    await look();
    assert.deepEqual(tokens(), [SECOND]);

    writeFileSync(join(folder, "..2", "new"), FIRST);
    renameSync(join(folder, "..2", "new"), join(folder, "..2", "token"));
    await look();
    assert.deepEqual(tokens(), [FIRST]);
  });

  it("is not accepted while it is written in place, only when it is complete", async (t) => {
    const taken: string[] = [];
    const { live, path, tokens } = scene(t, {
      whileSettling: async (waits) => {
        taken.push(...tokens());
        if (waits < 3) writeFileSync(path, SECOND.slice(0, 8 + waits));
        if (waits === 3) writeFileSync(path, SECOND);
      },
    });
    writeFileSync(path, "");
    await live.refresh();
    assert.deepEqual(tokens(), [SECOND]);
    assert.deepEqual([...new Set(taken)], [FIRST]);
  });

  it("that is invalid leaves the old one in use, and is reported once, without its text", async (t) => {
    const { path, look, tokens, warnings, live, lines } = scene(t);
    const cases: readonly (readonly [what: () => void, says: RegExp])[] = [
      [() => writeFileSync(path, ""), /the file named by AUTH_TOKENS_FILE is empty/],
      [() => writeFileSync(path, " \n\t"), /the file named by AUTH_TOKENS_FILE is empty/],
      [() => writeFileSync(path, `"${SECOND}"`), /is in quotation marks/],
      [() => writeFileSync(path, `a b ${SECOND}`), /contains characters that are not allowed in a token/],
      [() => writeFileSync(path, `ci:owner:${SECOND}`), /role/],
      [() => rmSync(path), /names a file that does not exist/],
      [() => mkdirSync(path), /cannot read AUTH_TOKENS_FILE: EISDIR/],
    ];
    for (const [nth, [spoil, says]] of cases.entries()) {
      spoil();
      await look();
      assert.deepEqual(tokens(), [FIRST]);
      assert.match(warnings().at(-1)?.reason ?? "", says);
      assert.deepEqual(
        live.rejected().map(({ name }) => name),
        ["AUTH_TOKENS"],
        String(nth),
      );
    }
    const before = warnings().length;
    await look();
    assert.equal(warnings().length, before);
    rmSync(path, { recursive: true });
    writeFileSync(path, SECOND);
    await look();
    assert.deepEqual(tokens(), [SECOND]);
    assert.deepEqual(live.rejected(), []);
    assert.doesNotMatch(lines.join(""), /(?:first|second)-token/);
  });

  it("that cannot be read leaves the old one in use", async (t) => {
    const { path, look, tokens, warnings, live } = scene(t, { path: join(tmpdir(), `secret-${process.pid}`) });
    t.after(() => rmSync(path));
    writeFileSync(path, SECOND);
    chmodSync(path, 0);
    await asNobody(look);
    assert.deepEqual(tokens(), [FIRST]);
    assert.match(warnings()[0]?.reason ?? "", /cannot read AUTH_TOKENS_FILE: EACCES/);
    chmodSync(path, 0o444);
    await asNobody(look);
    assert.deepEqual(tokens(), [SECOND]);
    assert.deepEqual(live.rejected(), []);
  });

  it("that is wrong does not delay another one that is right", async (t) => {
    const folder = temporaryFolder(t);
    const webhook = join(folder, "webhook");
    writeFileSync(webhook, "a-webhook-secret");
    const { path, look, live } = scene(t, { settings: { GITHUB_WEBHOOK_SECRET_FILE: webhook } });
    writeFileSync(path, "");
    writeFileSync(webhook, "another-webhook-secret");
    await look();
    assert.deepEqual(live.now().auth.webhookSecrets, ["another-webhook-secret"]);
    assert.deepEqual(
      live.now().auth.tokens.map(({ text }) => text),
      [FIRST],
    );
  });

  it("is hidden from the log while it may still appear, before and after the change", async (t) => {
    const { path, look, secrets } = scene(t);
    writeFileSync(path, SECOND);
    await look();
    writeFileSync(path, FIRST.toUpperCase());
    await look();
    assert.equal(secrets.scrub(`with ${SECOND}`), "with ***");
    assert.equal(secrets.scrub(`with ${FIRST.toUpperCase()}`), "with ***");
  });

  it("that is the App's private key must be valid, in any spelling", async (t) => {
    const [first, second] = [appKey().privateKey, appKey().privateKey];
    const settings = { GITHUB_APP_ID: "7" };
    const { path, look, live, warnings } = scene(t, { name: "GITHUB_APP_PRIVATE_KEY", text: first, settings });
    const before = live.now().github.app?.privateKey;
    writeFileSync(path, second.slice(0, second.length / 2));
    await look();
    assert.equal(live.now().github.app?.privateKey, before);
    assert.match(warnings()[0]?.reason ?? "", /is cut off/);
    writeFileSync(path, Buffer.from(second).toString("base64"));
    await look();
    assert.notEqual(live.now().github.app?.privateKey, before);
  });

  it("that is the address of the database may change only its user and password", async (t) => {
    const text = "postgres://runner:one-password@db.example:5432/runs?sslmode=require";
    const { path, look, live, warnings } = scene(t, { name: "DATABASE_URL", text });
    const url = () => live.now().store.database?.url;
    const next = text.replace("runner:one", "v-role-7:two");
    writeFileSync(path, next);
    await look();
    assert.equal(url(), next);
    for (const other of [
      next.replace("db.example", "other.example"),
      next.replace("/runs", "/else"),
      next.replace("5432", "5433"),
      next.replace("?sslmode=require", ""),
    ]) {
      writeFileSync(path, other);
      await look();
      assert.equal(url(), next);
      assert.match(
        warnings().at(-1)?.reason ?? "",
        /has another host, port, database or parameter: restart the service/,
      );
    }
    writeFileSync(path, next);
    await look();
    assert.deepEqual(live.rejected(), []);
  });

  it("costs no timer if no secret is in a file", async (t) => {
    const clock = movedClock();
    const secrets = knownSecrets([]);
    const live = openLiveConfig(readConfig({ AUTH_TOKENS: FIRST }), {
      ...{ clock, secrets, log: openLog({ level: "info", secrets, destination: { write: () => {} } }) },
      ...{ wait: sleep, apply: async () => [], replaced: () => {} },
    });
    t.after(live.close);
    await live.refresh();
    assert.equal(clock.next(), undefined);
  });

  it("that is invalid is on the page for operators and in a metric, and the service stays ready", async (t) => {
    const folder = temporaryFolder(t);
    const [tokens, webhook] = [join(folder, "tokens"), join(folder, "webhook")];
    const [operator, viewer] = ["operator-token-0123456789", "viewer-token-0123456789"];
    writeFileSync(tokens, `alice:operator:${operator},bob:viewer:${viewer}`);
    writeFileSync(webhook, "a-webhook-secret");
    const { url, app } = await startService(t, {
      settings: { AUTH_TOKENS_FILE: tokens, GITHUB_WEBHOOK_SECRET_FILE: webhook },
    });
    const as = (token: string, path: string) => send(url, { path, headers: { authorization: `Bearer ${token}` } });
    const metric = async () => /^gh_runner_secrets_rejected (\d)$/m.exec((await as(viewer, "/metrics")).text)?.[1];
    assert.equal(await metric(), "0");
    writeFileSync(webhook, "'a-webhook-secret'");
    // A wrong credential triggers a check of the files.
    assert.equal((await as("wrong", "/")).status, 401);
    assert.match(
      (await as(operator, "/")).text,
      /1 secret cannot be reloaded\.[\s\S]*GITHUB_WEBHOOK_SECRET<\/strong>: is in quotation/,
    );
    assert.doesNotMatch((await as(viewer, "/")).text, /cannot be reloaded/);
    assert.equal(await metric(), "1");
    assert.equal((await send(url, { path: "/ready" })).status, 200);
    writeFileSync(webhook, "another-webhook-secret");
    assert.equal((await as("wrong", "/")).status, 401);
    const recorded = async () => (await app.engine.store.audit.list({ action: "secrets" }, { limit: 10 })).records;
    await until("it is recorded", async () => (await recorded()).length > 0);
    const records = await recorded();
    assert.deepEqual(
      records.map(({ actor, details }) => [actor, details]),
      [["gh-runner", "reloaded: GITHUB_WEBHOOK_SECRET"]],
    );
    assert.doesNotMatch((await as(operator, "/")).text, /cannot be reloaded/);
    assert.equal(await metric(), "0");
  });

  it("is checked by doctor, which names what is wrong", async (t) => {
    const path = join(temporaryFolder(t), "secret");
    writeFileSync(path, FIRST);
    const of = async (settings: Record<string, string>) =>
      (
        await checkSettings({ GITHUB_API_URL: "http://127.0.0.1:1", DATA_DIR: temporaryFolder(t), ...settings })
      ).flatMap(({ check, message }) => (["secrets", "settings"].includes(check) ? message : []));
    assert.deepEqual(await of({}), ["all are valid"]);
    const read = "read from files, and reloaded when they change: AUTH_TOKENS";
    assert.deepEqual(await of({ AUTH_TOKENS_FILE: path }), ["all are valid", read]);
    writeFileSync(path, "");
    const [wrong = "", same] = await of({ AUTH_TOKENS_FILE: path });
    assert.match(wrong, /^AUTH_TOKENS: the file named by AUTH_TOKENS_FILE is empty/);
    assert.equal(same, read);
  });
});
