import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import * as z from "zod";
import type { Context, Json, Workflow } from "../src/index.ts";
import { TransientFailure } from "../src/index.ts";
import type { RunStore } from "../src/model/store.ts";
import { wakeKeysOf } from "../src/model/waits.ts";
import { knownSecrets } from "../src/observe/secrets.ts";
import type { WorkerParts } from "../src/worker/worker.ts";
import { movedClock, until } from "./support/clock.ts";
import { counted } from "./support/counted.ts";
import { postgresForTests } from "./support/postgres.ts";
import { bothStores } from "./support/stores.ts";
import { workerWith } from "./support/worker.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const ID = "00000000-0000-4000-8000-000000000001";
const AT = "https://gh-runner.example/callbacks/";
const postgres = postgresForTests();

type Given = Context<{ readonly body: Json }>;
type Line = { readonly level: string; readonly message: string; readonly [fact: string]: unknown };

/** A run of a workflow on a store, with a clock to move and the log records of its worker. */
function scene(
  t: TestContext,
  run: (context: Given) => Promise<unknown>,
  {
    store: whole,
    clock,
    pass,
    options = {},
    needs = {},
  }: {
    store: RunStore;
    clock: ReturnType<typeof movedClock>;
    pass: (ms: number) => Promise<void>;
    options?: Partial<Workflow>;
    needs?: Partial<WorkerParts>;
  },
) {
  const { store, isBusy } = counted(whole);
  const records: Line[] = [];
  const write = (level: string) => (facts: object | string, message?: string) =>
    void records.push(
      typeof facts === "string" ? { level, message: facts } : { level, message: message ?? "", ...facts },
    );
  const log = { debug: write("debug"), info: write("info"), warn: write("warn"), error: write("error") };
  const keeping = knownSecrets([]);
  const parts = workerWith(t, run, {
    store,
    clock,
    options,
    needs: { log, keeping, hide: keeping.hide, callbackUrl: (secret) => AT + secret, ...needs },
  });
  const accept = (token?: string) =>
    parts.worker.accept(
      { id: ID, workflow: "steps", group: "g", input: {}, ownToken: token !== undefined },
      { token, waitMs: 3_600_000 },
    );
  const detail = async () => (await whole.get(ID)) ?? assert.fail("there is no run");
  const is = (status: string, attempts?: number) =>
    until(`the run is ${status} (${attempts})`, async () => {
      const { run: found } = await detail();
      return found.status === status && (attempts === undefined || found.attempts === attempts);
    });
  const wake = async (name: string, payload: object) => {
    const woken = await store.wake(
      wakeKeysOf({ name, payload: { repository: { full_name: "acme/shop" }, ...payload } }),
    );
    parts.worker.look();
    return woken;
  };
  /** The worker may read its next due run while the clocks move, which no real clock does: so it checks again. */
  const passes = async (ms: number) => {
    await pass(ms);
    parts.worker.look();
  };
  /** Lets time pass in small parts until the run has this status, and none while the store is busy. */
  const passUntil = (status: string) =>
    until(`the run is ${status}`, async () => {
      for (let calm = 0; calm < 3; calm = isBusy() ? 0 : calm + 1) await nextTurn();
      if ((await detail()).run.status === status) return true;
      if (!isBusy()) clock.move(100);
      return false;
    });
  return { ...parts, accept, detail, is, pass: passes, passUntil, wake, records };
}

const pull = { pull_request: { number: 7 } };
const merging = {
  every: "1h",
  timeout: "1d",
  wakeOn: { pullRequest: { repository: "acme/shop", number: 7 } },
} as const;

for (const [database, open] of bothStores(postgres)) {
  const opened = async (t: TestContext) => {
    const clock = movedClock();
    return { clock, ...(await open(t, clock)) };
  };

  describe(`a run that waits, with ${database}`, () => {
    it("wakes for an event for what it names, and for no other", async (t) => {
      let merged = false;
      const run = scene(t, ({ waitUntil }) => waitUntil("merged", () => merged || undefined, merging), await opened(t));
      await run.accept();
      await run.is("waiting", 1);
      assert.equal(await run.wake("pull_request", { pull_request: { number: 8 } }), 0);
      assert.equal(await run.wake("pull_request", pull), 1);
      await run.is("waiting", 2);
      merged = true;
      await run.wake("pull_request", pull);
      await run.is("success", 3);
      assert.equal(await run.wake("pull_request", pull), 0);
    });

    it("checks again when the event comes during a check", async (t) => {
      let merged = false;
      let looks = 0;
      const { promise: goOn, resolve } = Promise.withResolvers<void>();
      const run = scene(
        t,
        ({ waitUntil }) =>
          waitUntil(
            "merged",
            async () => {
              const seen = merged;
              if (++looks === 2) await goOn;
              return seen || undefined;
            },
            merging,
          ),
        await opened(t),
      );
      await run.accept();
      await run.is("waiting", 1);
      await run.wake("pull_request", pull);
      await until("it looks", () => looks === 2);
      merged = true;
      await run.wake("pull_request", pull);
      resolve();
      await run.is("success", 3);
    });

    it("works without any event", async (t) => {
      let merged = false;
      const run = scene(t, ({ waitUntil }) => waitUntil("merged", () => merged || undefined, merging), await opened(t));
      await run.accept();
      await run.is("waiting", 1);
      merged = true;
      await run.pass(HOUR);
      await run.is("success", 2);
    });

    it("that failed continues from there when it is re-run from the failure: finished waits are kept", async (t) => {
      const done: string[] = [];
      const run = scene(
        t,
        async ({ sleep, step, waitUntil }) => {
          await step("first", () => void done.push("first"));
          await sleep("short", "1h");
          await waitUntil("merged", () => (done.length > 2 ? "merged" : undefined), { every: "1h", timeout: "90m" });
          await step("last", () => void done.push("last"));
        },
        await opened(t),
      );
      await run.accept();
      await run.is("waiting", 1);
      await run.pass(HOUR);
      await run.is("waiting", 2);
      await run.pass(HOUR);
      await run.is("waiting", 3);
      await run.pass(HOUR / 2);
      await run.is("failure", 4);
      await run.worker.rerun(ID, { from: "failure" });
      await run.is("waiting", 5);
      assert.match((await run.detail()).run.reason ?? "", /waits until merged/);
      done.push("merged now", "really");
      await run.pass(HOUR);
      await run.is("success", 6);
      assert.deepEqual(done, ["first", "merged now", "really", "last"]);
    });

    it("continues after a restart, with its results", async (t) => {
      const { clock, store, pass } = await opened(t);
      const done: string[] = [];
      const workflow = async ({ step, sleep }: Given) => {
        await step("before", () => void done.push("before"));
        await sleep("long", "2h");
        await step("after", () => void done.push("after"));
      };
      const first = scene(t, workflow, { clock, store, pass });
      await first.accept();
      await first.is("waiting", 1);
      await first.worker.drain(0);
      await pass(2 * HOUR);
      const second = scene(t, workflow, { clock, store: { ...store, close: async () => {} }, pass });
      await second.is("success", 2);
      assert.deepEqual(done, ["before", "after"]);
    });
  });

  describe(`a callback, with ${database}`, () => {
    const asking =
      (urls: string[], options: Parameters<Given["callback"]>[1] = {}) =>
      async (context: Given) => {
        const { url, result } = await context.callback("approval", options);
        urls.push(url);
        context.log.info(`asked at ${url}`);
        return result();
      };
    const secretIn = (url = "") => url.slice(AT.length);
    const by = (actor = "kim") => ({ actor, at: 0 });

    it("has a constant URL, and resolves with the answer", async (t) => {
      const urls: string[] = [];
      const run = scene(t, asking(urls, { body: z.object({ by: z.string().toUpperCase() }) }), await opened(t));
      await run.accept();
      await run.is("waiting", 1);
      assert.equal((await run.detail()).run.reason, "The run waits for the callback approval (for up to 7d).");
      const secret = secretIn(urls[0]);
      assert.match(secret, /^[\w-]{20,}$/);
      assert.deepEqual((await run.store.callback(secret))?.schema, {
        type: "object",
        properties: { by: { type: "string" } },
        required: ["by"],
      });
      assert.equal((await run.store.answerCallback(secret, { by: "kim" }, by()))?.state, "open");
      assert.equal((await run.store.answerCallback(secret, { by: "lee" }, by("lee")))?.state, "answered");
      run.worker.look();
      await run.is("success", 2);
      assert.deepEqual((await run.detail()).run.outputs, { by: "KIM" });
      assert.equal(new Set(urls).size, 1);
      assert.ok(!JSON.stringify([run.records, await run.detail()]).includes(secret), "the secret was written down");
    });

    it("has a URL that is hidden in results of steps and in outputs", async (t) => {
      const urls: string[] = [];
      const handsOn = async ({ callback, step }: Context) => {
        const { url, result } = await callback("approval");
        urls.push(url);
        const issue = await step("ask", () => ({ body: `Approve: ${url}` }));
        await result();
        return { url, issue };
      };
      const run = scene(t, handsOn, await opened(t));
      await run.accept();
      await run.is("waiting", 1);
      const hidden = `${AT}***`;
      const asked = (await run.detail()).steps.find(({ name }) => name === "ask");
      assert.deepEqual(asked?.result, { body: `Approve: ${hidden}` });
      await run.store.answerCallback(secretIn(urls[0]), null, by());
      run.worker.look();
      await run.is("success", 2);
      assert.deepEqual((await run.detail()).run.outputs, { url: hidden, issue: { body: `Approve: ${hidden}` } });
    });

    it("accepts an answer that comes before the workflow waits for it", async (t) => {
      let secret = "";
      const { store, ...rest } = await opened(t);
      const run = scene(
        t,
        async ({ callback }) => {
          const { url, result } = await callback("approval");
          if (secret === "") await store.answerCallback(secretIn(url), "early", by());
          secret = secretIn(url);
          return result();
        },
        { store, ...rest },
      );
      await run.accept();
      await run.is("success", 2);
      assert.equal((await run.detail()).run.outputs, "early");
    });

    it("without an answer in time fails the run with the reason; later answers are rejected", async (t) => {
      const urls: string[] = [];
      const run = scene(t, asking(urls, { timeout: "2d" }), await opened(t));
      await run.accept();
      await run.is("waiting", 1);
      await run.pass(48 * HOUR);
      await run.is("failure", 2);
      assert.match(
        (await run.detail()).run.reason ?? "",
        /^Waiting for approval failed: its callback was not answered within 2d\. .*re-run from the failed step/,
      );
      assert.equal((await run.store.callback(secretIn(urls[0])))?.state, "over");

      await run.worker.rerun(ID, { from: "failure" });
      await run.is("waiting", 3);
      assert.equal(urls[2], urls[0]);
      assert.equal((await run.store.callback(secretIn(urls[0])))?.state, "open");
      await run.store.answerCallback(secretIn(urls[0]), "late", by());
      run.worker.look();
      await run.is("success", 4);
      assert.equal((await run.detail()).run.outputs, "late");
    });

    it("that got an answer asks again when the run is repeated from the start", async (t) => {
      const urls: string[] = [];
      const run = scene(t, asking(urls), await opened(t));
      await run.accept();
      await run.is("waiting", 1);
      await run.store.answerCallback(secretIn(urls[0]), "first", by());
      run.worker.look();
      await run.is("success", 2);
      await run.worker.rerun(ID, { from: "start" });
      await run.is("waiting", 3);
      await run.store.answerCallback(secretIn(urls.at(-1)), "second", by());
      run.worker.look();
      await run.is("success", 4);
      assert.equal((await run.detail()).run.outputs, "second");
    });

    it("with an answer that is invalid in the workflow's schema fails the run, and names the sender", async (t) => {
      const urls: string[] = [];
      const even = z.number().refine((n) => n % 2 === 0, "must be even");
      const run = scene(t, asking(urls, { body: even }), await opened(t));
      await run.accept();
      await run.is("waiting", 1);
      await run.store.answerCallback(secretIn(urls[0]), 3, by());
      run.worker.look();
      await run.is("failure", 2);
      assert.match((await run.detail()).run.reason ?? "", /the answer of kim is not valid: body must be even/);
    });
  });
}

describe("a wait", () => {
  const opened = async (t: TestContext) => {
    const clock = movedClock();
    const [, open] = bothStores(postgres)[0] ?? assert.fail();
    return { clock, ...(await open(t, clock)) };
  };

  it("of a run that brought its token is rejected with the reason; waitFor continues within the attempt", async (t) => {
    const parts = await opened(t);
    let asked = 0;
    const fetch = (async () => ({
      status: ++asked < 8 ? 503 : 200,
      body: null,
    })) as unknown as typeof globalThis.fetch;
    const run = scene(
      t,
      async ({ sleep, waitFor }) => {
        const thrown = await sleep("long", "1h").catch(({ message }) => message);
        await waitFor("https://preview.example/", { timeout: "12h" });
        return thrown;
      },
      { ...parts, needs: { fetch }, options: { timeout: "1d" } },
    );
    await run.accept("ghp_0123456789abcdef");
    await run.passUntil("success");
    const { run: ended } = await run.detail();
    assert.equal(ended.attempts, 1);
    assert.match(
      String(ended.outputs),
      /^Beginning the wait long failed: the run uses the GitHub token of its request, which is not/,
    );
  });

  it("for a URL ends the attempt after ten seconds, and continues in later ones", async (t) => {
    const parts = await opened(t);
    let status = 503;
    let asked = 0;
    const fetch = (async () => {
      asked++;
      return { status, body: null };
    }) as unknown as typeof globalThis.fetch;
    const run = scene(t, ({ waitFor }) => waitFor("https://preview.example/?token=1"), { ...parts, needs: { fetch } });
    await run.accept();
    await run.passUntil("waiting");
    assert.equal(asked, 5);
    const { run: waiting, steps } = await run.detail();
    assert.equal(waiting.reason, "The run waits until https://preview.example/ answers (for up to 2m).");
    assert.ok(run.clock.now() + 10_000 - (waiting.dueAt ?? 0) <= 200);
    status = 200;
    await run.pass(10_000);
    await run.is("success", 2);
    assert.deepEqual([asked, steps.length], [6, 1]);
  });

  it("for a URL that never answers is a transient failure, and waits again in the next attempt", async (t) => {
    const parts = await opened(t);
    const fetch = (async () => ({ status: 503, body: null })) as unknown as typeof globalThis.fetch;
    const run = scene(t, ({ waitFor }) => waitFor("https://preview.example/", { timeout: "1m" }), {
      ...parts,
      needs: { fetch },
    });
    await run.accept();
    await run.passUntil("waiting");
    for (let attempt = 2; attempt < 7; attempt++) {
      await run.pass(10_000);
      await run.is("waiting", attempt);
    }
    await run.pass(10_000);
    await run.is("queued", 7);
    const { run: queued } = await run.detail();
    assert.match(queued.reason ?? "", /^Waiting 1m for https:\/\/preview\.example\/ failed: the last try got 503/);
    await run.pass(5000);
    await run.passUntil("waiting");
    assert.equal((await run.detail()).steps.length, 2);
  });

  it("that repeats is logged once, and later at debug level", async (t) => {
    const run = scene(t, ({ waitUntil }) => waitUntil("merged", () => undefined, merging), await opened(t));
    await run.accept();
    await run.is("waiting", 1);
    for (let attempt = 2; attempt < 5; attempt++) {
      await run.pass(HOUR);
      await run.is("waiting", attempt);
    }
    const waits = run.records.filter(({ message }) => message === "run waits");
    assert.deepEqual(
      waits.map(({ level }) => level),
      ["info", "debug", "debug", "debug"],
    );
    assert.equal(waits[0]?.outcome, "waiting");
  });

  it("releases the attempt's GitHub client, and its place in the worker", async (t) => {
    const held = new Set<object>();
    const github = () => {
      const part = {
        github: {} as never,
        actions: {} as never,
        octokitNames: {} as never,
        release: () => void held.delete(part),
      };
      held.add(part);
      return part;
    };
    const run = scene(t, ({ sleep }) => sleep("long", "1h"), { ...(await opened(t)), needs: { github } });
    await run.accept();
    await run.is("waiting", 1);
    assert.equal(held.size, 0);
  });

  it("continues after the code has changed, and logs what is different", async (t) => {
    const parts = await opened(t);
    let isNew = false;
    const done: string[] = [];
    const run = scene(
      t,
      async ({ step, sleep, waitUntil, attempt }) => {
        await step(isNew ? "made" : "create", () => void done.push(`create ${attempt}`));
        if (isNew) await waitUntil("quiet", () => "quiet");
        else await sleep("quiet", "1h");
        await step("last", () => void done.push(`last ${attempt}`));
      },
      { ...parts, needs: { codeOf: () => (isNew ? "bbbbbbbbbbbb" : "aaaaaaaaaaaa") } },
    );
    await run.accept();
    await run.is("waiting", 1);
    isNew = true;
    await run.pass(HOUR);
    await run.is("success", 2);
    assert.deepEqual(done, ["create 1", "create 2", "last 2"]);
    const { attempts } = await run.detail();
    assert.deepEqual(
      attempts.map(({ code }) => code),
      ["aaaaaaaaaaaa", "bbbbbbbbbbbb"],
    );
    const { lines = [] } = (await run.store.lines(ID, { limit: 100 })) ?? {};
    assert.deepEqual(
      lines.map(({ level, message }) => [level, message]),
      [
        ["warn", "quiet was a sleep in an earlier attempt and is a waitUntil now, so it starts again"],
        ["warn", "an earlier attempt reached these steps or waits, but this one did not: create"],
      ],
    );
  });

  it("that repeats logs the difference once for all attempts, and in each at debug level", async (t) => {
    let isNew = false;
    const run = scene(
      t,
      async ({ step, waitUntil }) => {
        await step(isNew ? "made" : "create", () => 1);
        await waitUntil("merged", () => (isNew && run.clock.now() > end ? 1 : undefined), merging);
      },
      await opened(t),
    );
    const end = run.clock.now() + 3 * HOUR;
    await run.accept();
    await run.is("waiting", 1);
    isNew = true;
    for (let attempt = 2; attempt < 5; attempt++) {
      await run.pass(HOUR);
      await run.is("waiting", attempt);
    }
    await run.pass(HOUR);
    await run.is("success", 5);
    const said = run.records.filter(({ message }) => message.startsWith("an earlier attempt reached"));
    assert.deepEqual(
      said.map(({ level }) => level),
      ["debug", "debug", "debug", "warn"],
    );
  });

  it("leaves no promise that keeps the workflow's memory, and stops its other work", async (t) => {
    let isCut = false;
    const run = scene(
      t,
      async ({ sleep, signal }) => {
        signal.addEventListener("abort", () => {
          isCut = true;
        });
        await Promise.all([sleep("long", "1h"), new Promise(() => {})]);
      },
      await opened(t),
    );
    await run.accept();
    await run.is("waiting", 1);
    assert.ok(isCut);
  });

  it("does not begin while a request or step beside it runs, and a failure of that fails the attempt", async (t) => {
    const { promise, reject } = Promise.withResolvers<void>();
    const run = scene(
      t,
      ({ sleep, step }) => Promise.all([sleep("long", "1h"), step("slow", () => promise)]),
      await opened(t),
    );
    await run.accept();
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
    assert.equal((await run.detail()).run.status, "running");
    reject(new TransientFailure({ tried: "trying", happened: "it blinked", remedy: "Wait." }));
    await run.is("queued", 1);
  });

  it("of one run costs the others nothing: their ends do not search for due runs", async (t) => {
    const parts = await opened(t);
    const run = scene(t, async ({ sleep, body }) => body === 1 || sleep("long", "1h"), parts);
    await run.accept();
    await run.is("waiting", 1);
    // Writes share one queue: the worker's query after that end is answered by then.
    for (let at = 0; at < 30; at++) await run.store.check();
    let claims = 0;
    const claim = run.store.claim.bind(run.store);
    run.store.claim = (lease) => {
      claims++;
      return claim(lease);
    };
    for (let n = 2; n < 7; n++) {
      const id = `00000000-0000-4000-8000-00000000000${n}`;
      const event = { id, workflow: "steps", group: undefined, input: 1, ownToken: false };
      const { outcome } = await run.worker.accept(event, { token: undefined, waitMs: 3_600_000 });
      assert.equal((await outcome)?.status, "success");
    }
    assert.equal(claims, 0);
  });

  it("is not skipped because of a repeat that has succeeded", async (t) => {
    const dedupe = { key: () => "same", within: "1d" } as const;
    const run = scene(t, async ({ sleep, runId }) => (runId === ID ? sleep("long", "1h") : "done"), {
      ...(await opened(t)),
      options: { dedupe },
    });
    await run.accept();
    await run.is("waiting", 1);
    const event = { id: `${ID.slice(0, -1)}2`, workflow: "steps", group: undefined, input: 1, ownToken: false };
    assert.equal(
      (await (await run.worker.accept(event, { token: undefined, waitMs: 1000 })).outcome)?.status,
      "success",
    );
    await run.pass(HOUR);
    await run.is("success", 2);
  });
});
