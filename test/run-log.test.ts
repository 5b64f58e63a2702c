import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import type { Context, Json } from "../src/index.ts";
import type { LogLine } from "../src/model/run.ts";
import { StoreUnavailable } from "../src/model/store.ts";
import { knownSecrets } from "../src/observe/secrets.ts";
import { openSqliteStore } from "../src/store/sqlite/store.ts";
import { guardProcess } from "../src/worker/process-guard.ts";
import { movedClock, until } from "./support/clock.ts";
import { temporaryFolder } from "./support/folder.ts";
import { workerWith } from "./support/worker.ts";

type Run = (context: Context<{ readonly body: Json }>) => Promise<unknown>;

const TOKEN = "ghp_0123456789abcdefghijABCDEFGHIJ012345";

/** A worker whose writes of lines are counted and can fail, and what it writes to the service's log. */
function logging(
  t: TestContext,
  run: Run,
  {
    isAway = () => false,
    rejects = false,
    secrets = [],
  }: { isAway?: () => boolean; rejects?: boolean; secrets?: readonly string[] } = {},
) {
  const clock = movedClock();
  const store = openSqliteStore(temporaryFolder(t), clock);
  const writes: number[] = [];
  const records: { level: string; message: string; facts: Record<string, unknown> }[] = [];
  const to = (level: string) => (facts: unknown, message?: string) =>
    void records.push({ level, message: message ?? "", facts: facts as Record<string, unknown> });
  const log = { debug: to("debug"), info: to("info"), warn: to("warn"), error: to("error") };
  const keeping = knownSecrets(secrets);
  t.after(guardProcess(log, keeping));
  const worker = workerWith(t, run, {
    clock,
    store: {
      ...store,
      async saveLines(claim, lines) {
        if (isAway()) throw new StoreUnavailable("away");
        writes.push(lines.length);
        return store.saveLines(claim, lines);
      },
      async settle(claim, attempt, settlement, lines = []) {
        if (rejects && lines.length > 0) throw new TypeError("a bug in the service");
        return store.settle(claim, attempt, settlement, lines);
      },
    },
    needs: { log, keeping, hide: keeping.hide },
  });
  const lines = async () => (await store.lines("r1", { limit: 1000 }))?.lines ?? [];
  return {
    ...worker,
    writes,
    records,
    lines,
    /** Executes the workflow once and returns the run's log. */
    async logOf() {
      await (await worker.accept()).outcome;
      return lines();
    },
  };
}

const errorIn = (line: Pick<LogLine, "facts"> | undefined, name = "error") =>
  (line?.facts?.[name] ?? {}) as { readonly [Fact in "name" | "message" | "code" | "stack"]?: string };

describe("the log of a run", () => {
  it("has what the workflow writes and prints, with its level, time and facts, and so does the service's log", async (t) => {
    const { logOf, records, writes } = logging(t, async ({ log }) => {
      log.debug("reading");
      log.info("found", { pull: 7, labels: ["a"] });
      console.log("%s has %d of", "acme/shop", 3, { open: true });
      console.warn("careful");
      log.error("no");
      return null;
    });
    const lines = await logOf();
    assert.deepEqual(
      lines.map(({ number, level, message, facts }) => [number, level, message, facts]),
      [
        [1, "debug", "reading", undefined],
        [2, "info", "found", { pull: 7, labels: ["a"] }],
        [3, "info", "acme/shop has 3 of { open: true }", undefined],
        [4, "warn", "careful", undefined],
        [5, "error", "no", undefined],
      ],
    );
    assert.deepEqual(records[1]?.facts, { pull: 7, labels: ["a"], run: "r1", workflow: "steps", attempt: 1 });
    assert.deepEqual(
      records.slice(0, 5).map(({ level, message }) => `${level} ${message}`),
      lines.map(({ level, message }) => `${level} ${message}`),
    );
    assert.deepEqual(writes, []);
  });

  it("is written during the run, some lines at a time", async (t) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const { accept, clock, lines, writes } = logging(t, async ({ log }) => {
      log.info("one");
      log.info("two");
      await promise;
      log.info("three");
      return null;
    });
    const { outcome } = await accept();
    await until("the workflow has begun", () => clock.next() === clock.now() + 250);
    assert.deepEqual(await lines(), []);
    clock.move(250);
    await until("they are written", async () => (await lines()).length === 2);
    resolve();
    await outcome;
    assert.equal((await lines()).length, 3);
    assert.deepEqual(writes, [2]);
  });

  it("costs no statement and no timer for a run that writes nothing", async (t) => {
    const alarms: number[] = [];
    const { logOf, clock, writes } = logging(t, async () => {
      alarms.push(clock.next()! - clock.now());
      return null;
    });
    assert.deepEqual(await logOf(), []);
    assert.deepEqual(writes, []);
    assert.ok(alarms.every((ms) => ms !== 250));
  });

  it("keeps 200 lines of a loop of 10,000, and its last line counts the missing ones", async (t) => {
    const { logOf, records } = logging(t, async ({ log }) => {
      for (let n = 0; n < 10_000; n++) log.info(`line ${n}`);
      return null;
    });
    const lines = await logOf();
    assert.equal(lines.length, 201);
    assert.equal(lines[199]?.message, "line 199");
    assert.match(lines[200]?.message ?? "", /^9800 more lines were dropped: a run's log keeps 200 lines and 64 KB/);
    assert.equal(records.filter(({ message }) => message.startsWith("line ")).length, 200);
    assert.deepEqual(records.find(({ message }) => message === "the workflow logged more than 200 lines")?.facts, {
      ...{ run: "r1", workflow: "steps", attempt: 1, dropped: 9800 },
    });
  });

  it("keeps 64 KB of long lines, the beginning of a line of 1 MB, and bytes unchanged", async (t) => {
    const { logOf } = logging(t, async ({ log }) => {
      log.info("x".repeat(1_000_000), { huge: "y".repeat(1_000_000), small: 1 });
      log.info("\0\u0001\ud800 binary \u001b[2J");
      for (let n = 0; n < 100; n++) log.info("ü".repeat(1500), { n });
      return null;
    });
    const lines = await logOf();
    assert.deepEqual([lines[0]?.message.length, lines[0]?.facts], [2001, { huge: "[too large]", small: 1 }]);
    assert.equal(lines[1]?.message, "\u2400\u0001\ufffd binary \u001b[2J");
    const bytes = lines.reduce(
      (sum, { message, facts }) => sum + Buffer.byteLength(message + JSON.stringify(facts)),
      0,
    );
    assert.ok(bytes > 60_000 && bytes < 66_500, String(bytes));
    assert.match(lines.at(-1)?.message ?? "", /^79 more lines were dropped/);
  });

  it("accepts any facts, each separately", async (t) => {
    const { logOf } = logging(t, async ({ log }) => {
      const cycle: unknown[] = [];
      cycle.push(cycle);
      const throwing = {
        fine: 1,
        get bad() {
          throw new Error("hostile");
        },
      };
      log.info("one", { cycle, fine: true, big: 12n, fn() {}, none: undefined });
      log.info("two", throwing);
      log.info("three", new Proxy({}, { ownKeys: () => assert.fail() }));
      log.info("four", 5 as never);
      log.info("five", null as never);
      log.info({ toString: () => assert.fail() } as never);
      console.log(cycle, Symbol("s"), undefined, throwing);
      return null;
    });
    const carry = "[cannot be shown as JSON]";
    assert.deepEqual(
      (await logOf()).map(({ message, facts }) => [message, facts]),
      [
        ["one", { cycle: carry, fine: true, big: "12" }],
        ["two", { fine: 1, bad: carry }],
        ["three", { facts: carry }],
        ["four", { facts: 5 }],
        ["five", undefined],
        ["[cannot be shown]", undefined],
        [`${carry} Symbol(s) undefined ${carry}`, undefined],
      ],
    );
  });

  it("shows an error with its name, message, stack and causes, however it is given", async (t) => {
    const { logOf } = logging(t, async ({ log }) => {
      const cause = Object.assign(new TypeError("no such host"), { code: "ENOTFOUND" });
      const error = new Error("could not read", { cause });
      log.error("one", { error });
      log.error("two", error as never);
      console.error("three:", error, cause);
      console.error(error);
      return null;
    });
    const lines = await logOf();
    const shown = lines.map(({ message, facts }) => [message, errorIn({ facts }).name]);
    assert.deepEqual(shown, [
      ["one", "Error"],
      ["two", "Error"],
      ["three: Error: could not read TypeError: no such host", "Error"],
      ["Error: could not read", "Error"],
    ]);
    for (const { facts } of lines) {
      const { message, stack } = errorIn({ facts });
      assert.equal(message, "could not read");
      assert.match(
        stack ?? "",
        /^Error: could not read\n {4}at .*run-log\.test\.ts:\d+[\s\S]*\nCaused by TypeError: no such host\n/,
      );
    }
    const { code, message } = errorIn(lines[2], "error2");
    assert.deepEqual([code, message], ["ENOTFOUND", "no such host"]);
  });

  it("shows the stack of what ended the run, and of a step that failed, once", async (t) => {
    const { logOf, records } = logging(t, async ({ step }) => {
      await step("read", () => {
        throw new RangeError("too far");
      });
    });
    const [failed, ended, ...others] = await logOf();
    assert.deepEqual(others, []);
    assert.deepEqual([failed?.level, failed?.message], ["error", "step read failed: RangeError: too far"]);
    assert.match(errorIn(failed).stack ?? "", /^RangeError: too far\n {4}at .*run-log\.test\.ts/);
    assert.match(ended?.message ?? "", /^The workflow threw RangeError: too far/);
    assert.equal(ended?.facts, undefined);
    assert.deepEqual(
      records.map(({ message }) => message),
      ["run failed"],
    );
  });

  it("has the service's notes about the attempt", async (t) => {
    const { logOf } = logging(t, async ({ step }) => {
      void step("forgotten", async () => 1);
      return null;
    });
    const [remark] = await logOf();
    assert.match(remark?.message ?? "", /^the workflow did not await these calls/);
    assert.deepEqual(remark?.facts, { calls: ["step forgotten"], count: 1 });
  });

  it("is stored with the end of its run", async (t) => {
    const { logOf, writes } = logging(t, async ({ log }) => {
      log.info("the only one");
      return null;
    });
    assert.equal((await logOf()).length, 1);
    assert.deepEqual(writes, []);
  });

  it("does not fail a run when the store cannot write it, and is counted", async (t) => {
    const { accept, lines, records } = logging(
      t,
      async ({ log }) => {
        log.info("one");
        log.info("two");
        return null;
      },
      { rejects: true },
    );
    assert.equal((await (await accept()).outcome)?.status, "success");
    assert.deepEqual(await lines(), []);
    const { message, facts } = records.find(({ level }) => level === "warn")!;
    assert.equal(message, "lines of the run's log could not be stored");
    assert.deepEqual([facts.run, facts.attempt, facts.lines], ["r1", 1, 2]);
  });

  it("waits for a store that is unavailable for a while, and is written when it is back", async (t) => {
    let isAway = true;
    const { promise, resolve } = Promise.withResolvers<void>();
    let isBegun = false;
    const { accept, clock, lines } = logging(
      t,
      async ({ log }) => {
        log.info("early");
        isBegun = true;
        await promise;
        return null;
      },
      { isAway: () => isAway },
    );
    const { outcome } = await accept();
    await until("it has begun", () => isBegun);
    for (let time = 0; time < 3; time++) {
      clock.move(1000);
      await new Promise((done) => setImmediate(done));
    }
    isAway = false;
    clock.move(1000);
    await until("they are written", async () => (await lines()).length === 1);
    resolve();
    await outcome;
    assert.equal((await lines()).length, 1);
  });
});

describe("a secret", () => {
  const secret = "correct-horse-battery-staple";
  const everything = (lines: readonly unknown[]) => JSON.stringify(lines);

  it("is in no line of a run: message, fact, name of a fact, error or its stack", async (t) => {
    const { logOf, records } = logging(
      t,
      async ({ log }) => {
        log.info(`with ${secret}`, { a: { b: [secret] }, [`${secret}!`]: 1 });
        log.error("failed", { error: new Error(`wrong ${secret}`, { cause: new Error(TOKEN) }) });
        console.log("bearer", { token: TOKEN }, Buffer.from(secret).toString("base64"));
        log.info(`${"x".repeat(1990)}${secret}`);
        throw new Error(`again ${secret}`);
      },
      { secrets: [secret] },
    );
    const text = everything([...(await logOf()), ...records.slice(0, 4)]);
    assert.match(text, /with \*\*\*/);
    for (const piece of [secret, "correct-h", "ghp_0123", "Y29ycmVjdC1ob3"]) assert.ok(!text.includes(piece), piece);
  });

  it("that a run brought is in none of its lines", async (t) => {
    const callersToken = "my-callers-token-0123456789";
    const again = logging(t, async ({ log }) => void log.info(`use ${callersToken}`, { callersToken }));
    const { outcome } = await again.accept({}, "r1", callersToken);
    await outcome;
    assert.deepEqual(
      (await again.lines()).map(({ message, facts }) => [message, facts]),
      [["use ***", { callersToken: "***" }]],
    );
  });

  it("that is written in pieces, a line each, is in none of them", async (t) => {
    const { logOf } = logging(
      t,
      async ({ log }) => {
        log.info(`first ${secret.slice(0, 11)}`);
        log.info(`${secret.slice(11)} then`);
        log.info("in between");
        for (const letter of secret) console.log(letter);
        log.info(`${TOKEN.slice(0, 7)}`);
        log.info(`${TOKEN.slice(7)} and on`);
        log.info("the end");
        return null;
      },
      { secrets: [secret] },
    );
    const messages = (await logOf()).map(({ message }) => message);
    assert.deepEqual(messages.slice(0, 3), ["first ***", "*** then", "in between"]);
    assert.ok(messages.slice(3, 3 + secret.length).every((message) => message === "***"));
    assert.deepEqual(messages.slice(3 + secret.length), ["***", "*** and on", "the end"]);
  });

  it("whose second piece comes later does not appear as a whole", async (t) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const { accept, clock, lines } = logging(
      t,
      async ({ log }) => {
        log.info(`first ${secret.slice(0, 11)}`);
        await promise;
        log.info(`${secret.slice(11)} then`);
        return null;
      },
      { secrets: [secret] },
    );
    const { outcome } = await accept();
    await until("the workflow has begun", () => clock.next() === clock.now() + 250);
    clock.move(250);
    await until("the first is written", async () => (await lines()).length === 1);
    resolve();
    await outcome;
    assert.equal((await lines())[1]?.message, "*** then");
  });

  it("is not detected in text that only looks like one across two lines", async (t) => {
    const said = ["at http://localhost:3000", "octocat@example.com asks", "it is basic", "authentication0123456789"];
    const { logOf } = logging(t, async ({ log }) => {
      for (const message of said) log.info(message);
      return null;
    });
    assert.deepEqual(
      (await logOf()).map(({ message }) => message),
      said,
    );
  });

  it("that has line breaks is in no line, printed line by line", async (t) => {
    const key = [
      "-----BEGIN RSA PRIVATE KEY-----",
      "MIIEpAIBAAKCAQEA0123456789",
      "abcdefghijklmnop",
      "-----END RSA PRIVATE KEY-----",
    ];
    const lines = "first line of it\nsecond line of it\nthe third line";
    const { logOf } = logging(
      t,
      async ({ log }) => {
        for (const line of [...key, "and then", ...lines.split("\n"), "the end"]) log.info(line);
        return null;
      },
      { secrets: [lines] },
    );
    assert.deepEqual(
      (await logOf()).map(({ message }) => message),
      ["***", "***", "***", "***", "and then", "***", "***", "***", "the end"],
    );
  });
});
