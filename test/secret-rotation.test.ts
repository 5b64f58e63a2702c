import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it, type TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { defineWorkflow, type Workflow } from "../src/index.ts";
import { until } from "./support/clock.ts";
import { temporaryFolder } from "./support/folder.ts";
import { postgresForTests } from "./support/postgres.ts";
import { deploy, type HttpAnswer, notify, send, startService } from "./support/service.ts";
import { deliver, payloadOf } from "./support/webhooks.ts";

const ROUNDS = 50;

const postgres = postgresForTests();

/** A role whose password is changed during the test. */
const ROLE = `rotating_${randomBytes(4).toString("hex")}`;
const passwordOf = (round: number) => `password-${ROLE}-${round}`;
let owner: pg.Client;

const changePassword = (round: number) => owner.query(`ALTER ROLE ${ROLE} PASSWORD '${passwordOf(round)}'`);

/** The start times of the role's connections. */
async function connections(): Promise<readonly number[]> {
  const { rows } = await owner.query("SELECT pid FROM pg_stat_activity WHERE usename = $1", [ROLE]);
  return rows.map(({ pid }) => pid as number);
}

/** Files with secrets. Each is written completely under another name first. */
function filesOf(t: TestContext, texts: Readonly<Record<string, string>>) {
  const folder = temporaryFolder(t);
  const write = (name: string, text: string) => {
    writeFileSync(join(folder, `.${name}`), text);
    renameSync(join(folder, `.${name}`), join(folder, name));
  };
  for (const [name, text] of Object.entries(texts)) write(name, text);
  const settings = Object.fromEntries(Object.keys(texts).map((name) => [`${name}_FILE`, join(folder, name)]));
  return { write, settings };
}

const githubToken = (round: number) => `ghp_rotated${String(round).padStart(4, "0")}0123456789abcdefABCD`;
const callerToken = (round: number) => `caller-token-0123456789-${round}`;
const webhookSecret = (round: number) => `webhook-secret-0123456789-${round}`;
const pathToken = (round: number) => `path-token-0123456789-${round}`;
const two = (of: (round: number) => string, round: number, between: string) =>
  [of(Math.max(0, round - 1)), of(round)].join(between);

const hooked: Workflow = { name: "hooked", on: { github: { events: "push" } }, run: async () => {} };
const keyed = defineWorkflow({
  name: "keyed",
  on: {
    http: {
      path: "/keyed",
      token: "PATH_TOKEN",
      body: { safeParse: (data: unknown) => ({ success: true as const, data: data as object }) },
    },
  },
  env: ["PATH_TOKEN"],
  run: async ({ env }) => ({ round: Number(env.PATH_TOKEN.split("-").at(-1)) }),
}) as unknown as Workflow;

/** Sends requests until it is ended. Resolves with all answers. */
function sender(request: (nth: number) => Promise<HttpAnswer>) {
  let ended = false;
  const answers: HttpAnswer[] = [];
  const sending = (async () => {
    for (let nth = 0; !ended; nth++) answers.push(await request(nth));
  })();
  return {
    answers,
    async end() {
      ended = true;
      await sending;
      return answers;
    },
  };
}

/** Ends all connections of the role, so that the service must open new ones. Resolves when they have ended. */
const endConnections = () =>
  owner.query("SELECT pg_terminate_backend(pid, 30000) FROM pg_stat_activity WHERE usename = $1", [ROLE]);

const tally = (answers: readonly HttpAnswer[]) =>
  Object.fromEntries([...Map.groupBy(answers, ({ status }) => status)].map(([status, all]) => [status, all.length]));

describe("secrets that are rotated under load", () => {
  before(async () => {
    owner = new pg.Client({ connectionString: postgres.url });
    await owner.connect();
    await owner.query(`CREATE ROLE ${ROLE} LOGIN PASSWORD '${passwordOf(0)}'`);
    await owner.query(`GRANT CREATE ON DATABASE ${new URL(postgres.url).pathname.slice(1)} TO ${ROLE}`);
  });
  after(() => owner.end());

  it(`${ROUNDS} times lose no request, and reject none that is valid`, { timeout: 600_000 }, async (t) => {
    const url = new URL(postgres.url);
    url.username = ROLE;
    url.password = "";
    const files = filesOf(t, {
      AUTH_TOKENS: two(callerToken, 0, ","),
      GITHUB_WEBHOOK_SECRET: two(webhookSecret, 0, "\n"),
      GITHUB_TOKEN: githubToken(0),
      DATABASE_PASSWORD: passwordOf(0),
      PATH_TOKEN: two(pathToken, 0, "\n"),
    });
    const service = await startService(t, {
      settings: {
        ...{ GITHUB_TOKEN: "", DATABASE_URL: url.href, DATABASE_SCHEMA: postgres.schema(), GITHUB_LIMITS: "off" },
        ...files.settings,
      },
      options: {
        wait: async (ms) => void (await sleep(ms)),
        workflows: [hooked, keyed].map((workflow) => ({ workflow, file: `${workflow.name}.ts` })),
      },
    });
    const { github, app } = service;
    github.token(githubToken(0));
    for (let each = 0; each < 4; each++) deploy(github, `pr-${each}`, `abc${each}`);

    let round = 0;
    const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
    const callers = [0, 1, 2, 3].map((each) =>
      sender(() => notify(service.url, { application: `pr-${each}` }, bearer(callerToken(round)))),
    );
    const hooks = sender(() => deliver(service.url, "push", payloadOf("push"), { secret: webhookSecret(round) }));
    const others = sender(() =>
      send(service.url, {
        method: "POST",
        path: "/keyed",
        headers: bearer(pathToken(round)),
        body: "{}",
      }),
    );
    const seen = new Set<number>();
    const senders = [...callers, hooks, others];
    for (let next = 1; next <= ROUNDS; next++) {
      // The order of the two changes alternates.
      if (next % 2 === 0) await changePassword(next);
      files.write("DATABASE_PASSWORD", passwordOf(next));
      github.token(githubToken(next));
      files.write("GITHUB_TOKEN", githubToken(next));
      files.write("AUTH_TOKENS", two(callerToken, next, ","));
      files.write("GITHUB_WEBHOOK_SECRET", two(webhookSecret, next, "\n"));
      files.write("PATH_TOKEN", two(pathToken, next, "\n"));
      // From now on everyone has only the new ones.
      github.revoke(githubToken(next - 1));
      round = next;
      await sleep(100);
      if (next % 2 === 1) await changePassword(next);
      const before = senders.map(({ answers }) => answers.length);
      await sleep(100);
      // The machine may be slow.
      await until("everyone was answered", () =>
        senders.every(({ answers }, at) => answers.length > (before[at] ?? 0)),
      );
      for (const pid of await connections()) seen.add(pid);
    }
    const answers = (await Promise.all(callers.map((each) => each.end()))).flat();
    const delivered = await hooks.end();
    const keyedAnswers = await others.end();
    t.diagnostic(
      `${answers.length} callers, ${delivered.length} webhooks, ${keyedAnswers.length} of a path, ${seen.size} connections`,
    );

    assert.deepEqual(tally(answers), { 200: answers.length });
    assert.deepEqual(tally(delivered), { 202: delivered.length });
    assert.deepEqual(tally(keyedAnswers), { 200: keyedAnswers.length });
    assert.ok(answers.length >= ROUNDS && delivered.length >= ROUNDS && keyedAnswers.length >= ROUNDS);
    assert.ok(seen.size > ROUNDS, `${seen.size} connections were made`);
    const statuses = async () =>
      Object.entries(await app.engine.store.counts({})).flatMap(([status, { count }]) => (count === 0 ? [] : status));
    // Webhooks are answered before their runs have ended.
    await until("nothing runs", async () => !(await statuses()).some((status) => /queued|running/.test(status)));
    assert.deepEqual(await statuses(), ["success"]);
    const last = keyedAnswers.at(-1)?.json as { round: number };
    assert.ok(last.round >= ROUNDS - 1, "a workflow has the current value of the variable");
    const text = service.logLines.join("");
    assert.doesNotMatch(text, /a secret cannot be reloaded|without a valid credential/);
    assert.doesNotMatch(text, /caller-token|webhook-secret|path-token|ghp_rotated|password-rotating/);

    // Replaced secrets do not count any more.
    const old = await notify(service.url, { application: "pr-0" }, bearer(callerToken(ROUNDS - 2)));
    assert.equal(old.status, 401);
    const wrong = await deliver(service.url, "push", payloadOf("push"), { secret: webhookSecret(ROUNDS - 2) });
    assert.equal(wrong.status, 401);
  });

  it("keep working if the password of the PostgreSQL role changes long after its file, or long before", async (t) => {
    await changePassword(1000);
    const url = new URL(postgres.url);
    url.username = ROLE;
    url.password = "";
    const files = filesOf(t, { DATABASE_PASSWORD: passwordOf(1000) });
    const {
      github,
      url: address,
      log,
    } = await startService(t, {
      settings: {
        ...{ DATABASE_URL: url.href, DATABASE_SCHEMA: postgres.schema(), GITHUB_WEBHOOK_SECRET: webhookSecret(0) },
        ...files.settings,
      },
      options: { wait: async (ms) => void (await sleep(ms)) },
    });
    deploy(github, "pr-1", "abc");
    const works = async () => {
      await endConnections();
      // A statement on a closing connection is not sent again.
      await until("it works", async () => (await notify(address, { application: "pr-1" })).status === 200);
      return notify(address, { application: "pr-1" });
    };
    const metrics = async () => (await send(address, { path: "/metrics" })).text;
    const rejected = () => log().filter(({ msg }) => /^PostgreSQL rejects the new user or password/.test(String(msg)));
    files.write("DATABASE_PASSWORD", passwordOf(1001));
    // A wrong credential triggers a check of the files.
    assert.equal((await deliver(address, "push", {}, { secret: "wrong" })).status, 401);
    assert.equal((await works()).status, 200, "the previous one is used");
    assert.equal(rejected().length, 1);
    assert.match(await metrics(), /^gh_runner_secrets_rejected 1$/m);
    await changePassword(1001);
    assert.equal((await works()).status, 200, "the new one is used");
    assert.match(await metrics(), /^gh_runner_secrets_rejected 0$/m);
    assert.equal(rejected().length, 1);
    await changePassword(1002);
    await endConnections();
    // Until it is notified about that.
    await sleep(100);
    const soon = sleep(600).then(() => files.write("DATABASE_PASSWORD", passwordOf(1002)));
    assert.equal((await notify(address, { application: "pr-1" })).status, 200, "the file came late");
    await soon;
  });
});
