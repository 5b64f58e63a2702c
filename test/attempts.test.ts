import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, it, type TestContext } from "node:test";
import { type Context, type GitHub, type Json, PermanentFailure, TransientFailure } from "../src/index.ts";
import type { Log } from "../src/model/log.ts";
import { until } from "./support/clock.ts";
import { fixedPort } from "./support/port.ts";
import { workerWith } from "./support/worker.ts";

const MINUTE = 60_000;

const blink = () => new TransientFailure({ tried: "trying", happened: "it blinked", remedy: "Wait." });

describe("an attempt", () => {
  it("that takes longer than 5 minutes has failed, and the run is attempted again", async (t) => {
    const { clock, store, accept } = workerWith(t, ({ attempt }) =>
      attempt === 1 ? new Promise(() => {}) : Promise.resolve({ attempt }),
    );
    const { outcome } = await accept();
    clock.move(5 * MINUTE);
    const run = await outcome;
    assert.equal(run?.status, "queued");
    assert.match(run?.reason ?? "", /took longer than the `timeout` of steps \(5m\)/);
    clock.move(6000);
    await until("the second attempt has ended", async () => (await store.get("r1"))?.run.status === "success");
    assert.deepEqual((await store.get("r1"))?.run.outputs, { attempt: 2 });
  });

  it("that is over has its signal aborted, and nothing that it still does has an effect", async (t) => {
    const rejections: string[] = [];
    let given: Context | undefined;
    const { clock, store, accept } = workerWith(
      t,
      async (context) => {
        given = context;
        await new Promise((resolve) => context.signal.addEventListener("abort", resolve));
        const note = (error: Error) => void rejections.push(error.message);
        await context.step("late", () => "done").catch(note);
        await context.github.dispatch("acme/shop", "late", {}).catch(note);
        return { late: true };
      },
      { options: { timeout: "10s", retry: false } },
    );
    const { outcome } = await accept();
    clock.move(10_000);
    assert.equal((await outcome)?.status, "failure");
    await until("both were rejected", () => rejections.length === 2);
    assert.match(
      rejections.join(),
      /the step late of steps failed: the attempt is over.*github\.dispatch of steps failed/,
    );
    assert.equal(given?.signal.aborted, true);
    const detail = await store.get("r1");
    assert.deepEqual([detail?.run.status, detail?.steps, detail?.run.outputs], ["failure", [], undefined]);
  });

  it("is the only one with `retry: false`", async (t) => {
    const { accept } = workerWith(t, () => Promise.reject(blink()), { options: { retry: false } });
    const run = await (await accept()).outcome;
    assert.equal(run?.status, "failure");
    assert.match(run?.reason ?? "", /it blinked\. Wait\. It is not retried: the workflow sets `retry: false`\.$/);
  });

  it("does not depend on labels that cannot be read", async (t) => {
    const labels = () => {
      throw new Error("no labels");
    };
    const { accept } = workerWith(t, async () => ({}), { options: { labels } });
    assert.equal((await (await accept()).outcome)?.status, "success");
  });
});

describe("waitFor", () => {
  /** A server that answers with these statuses, one after the other, and then always with the last one. */
  async function answering(t: TestContext, statuses: readonly number[]) {
    let asked = 0;
    const server = createServer((_request, response) => {
      response.writeHead(statuses[Math.min(asked++, statuses.length - 1)] ?? 200).end("ready? yes");
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    t.after(() => void server.closeAllConnections());
    t.after(() => void server.close());
    return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/health?secret`, asked: () => asked };
  }

  it("continues until the answer is as wanted", async (t) => {
    const server = await answering(t, [503, 404, 200]);
    const { clock, accept } = workerWith(t, async ({ waitFor }) => {
      await waitFor(server.url);
      return { asked: server.asked() };
    });
    const { outcome } = await accept();
    let run: Awaited<typeof outcome> | "open" = "open";
    void outcome.then((ended) => {
      run = ended;
    });
    await until("it has ended", () => {
      // Only the pause between two tries ends this early.
      const next = clock.next() ?? Number.POSITIVE_INFINITY;
      if (next - clock.now() <= 1500) clock.move(next - clock.now());
      return run !== "open";
    });
    assert.deepEqual((run as unknown as { outputs: unknown }).outputs, { asked: 3 });
  });

  it("accepts the answer that `until` accepts", async (t) => {
    const server = await answering(t, [401]);
    const { accept } = workerWith(t, async ({ waitFor }) => {
      await waitFor(server.url, { until: ({ status, text }) => status === 401 && text.startsWith("ready") });
      return {};
    });
    assert.equal((await (await accept()).outcome)?.status, "success");
  });

  it("does not retry an address that can never answer, and names no secret in it", async (t) => {
    const rejections: [string, string][] = [
      ["http://", "a URL"],
      ["ftp://user:secret-word@h.example/secret-0123456789abcdef/x?secret-word", "ftp://h.example/…/x"],
      ["http://user:secret-word@h.example/", "http://h.example/"],
      ["https://hooks.example/services/T01/B02/secretXYZ0123456789abcd:0", "https://hooks.example/services/T01/B02/…"],
    ];
    for (const [at, [url, shown]] of rejections.entries()) {
      const fetch = at === 3 ? async () => assert.fail(`a bug with ${url}`) : globalThis.fetch;
      const { accept } = workerWith(t, async ({ waitFor }) => waitFor(url), { needs: { fetch } });
      const run = await (await accept()).outcome;
      assert.deepEqual([run?.status, run?.kind], ["failure", "permanent"], url);
      assert.ok(run?.reason?.startsWith(`Waiting for ${shown} failed: the URL cannot be used (`), run?.reason ?? "");
      assert.doesNotMatch(run?.reason ?? "", /secret/);
    }
  });

  it("ends in time in an attempt with a short timeout", async (t) => {
    const server = await answering(t, [503]);
    const run = async ({ waitFor }: Context<{ readonly body: Json }>) => waitFor(server.url);
    const { accept } = workerWith(t, run, { options: { timeout: "1500ms" } });
    const { outcome } = await accept();
    assert.equal((await outcome)?.status, "waiting");
  });

  it("gives up with a transient failure, and names the address without its query", async (t) => {
    const server = await answering(t, [503]);
    const { accept } = workerWith(t, async ({ waitFor }) => {
      await waitFor(server.url, { timeout: "500ms" });
      return {};
    });
    const run = await (await accept()).outcome;
    assert.deepEqual([run?.status, run?.kind], ["queued", "transient"]);
    assert.match(
      run?.reason ?? "",
      /^Waiting 500ms for http:\/\/127\.0\.0\.1:\d+\/health failed: the last try got 503/,
    );
  });
});

describe("a call that the workflow does not await", () => {
  /** A workflow whose GitHub calls settle when the test decides, and the log's warnings. */
  function scene(t: TestContext, run: Parameters<typeof workerWith>[1], options = {}) {
    const calls: { event: string; resolve(): void; reject(error: unknown): void }[] = [];
    const warned: { facts: Record<string, unknown>; message: string }[] = [];
    const dispatch = (_repository: string, event: string) =>
      new Promise<void>((resolve, reject) => void calls.push({ event, resolve, reject }));
    const worker = workerWith(t, run, {
      options,
      needs: {
        github: () => ({
          github: { dispatch } as unknown as GitHub,
          actions: {} as never,
          octokitNames: {} as never,
          release() {},
        }),
        log: {
          debug() {},
          info() {},
          error() {},
          warn: (facts: Record<string, unknown>, message: string) => void warned.push({ facts, message }),
        } as unknown as Log,
      },
    });
    /** The warnings about calls. */
    const named = () =>
      warned.filter(({ message }) => /did not await these calls/.test(message)).map(({ facts }) => facts.calls);
    return { ...worker, calls, named, warned };
  }
  const rejections = () =>
    new PermanentFailure({ tried: "sending", happened: "GitHub answered 422", remedy: "Fix it." });

  it("is awaited before the attempt ends, and named in the log", async (t) => {
    const { accept, calls, named, store } = scene(t, async ({ github: { dispatch } }) => {
      void dispatch("acme/shop", "forgotten", {});
      return { done: true };
    });
    const { outcome } = await accept();
    await until("it has begun", () => calls.length === 1);
    await until("the log names it", () => named().length === 1);
    assert.deepEqual(named(), [["github.dispatch acme/shop"]]);
    assert.equal((await store.get("r1"))?.run.status, "running");
    calls[0]?.resolve();
    const run = await outcome;
    assert.deepEqual([run?.status, run?.outputs], ["success", { done: true }]);
  });

  it("makes the run fail with its reason, once", async (t) => {
    const { accept, calls } = scene(t, async ({ github: { dispatch } }) => {
      void dispatch("acme/shop", "forgotten", {});
      return { done: true };
    });
    const { outcome } = await accept();
    await until("it has begun", () => calls.length === 1);
    calls[0]?.reject(rejections());
    const run = await outcome;
    assert.deepEqual([run?.status, run?.kind, run?.outputs], ["failure", "permanent", undefined]);
    assert.equal(
      run?.reason,
      "Sending failed: GitHub answered 422. Fix it. (github.dispatch acme/shop, which was not awaited)",
    );
  });

  it("may be one of several that fail, all of which the log names", async (t) => {
    const { accept, calls, warned } = scene(t, async ({ github: { dispatch } }) => {
      for (const event of ["first", "second", "third"]) void dispatch(`acme/${event}`, event, {});
      return {};
    });
    const { outcome } = await accept();
    await until("all have begun", () => calls.length === 3);
    for (const { reject } of calls) reject(rejections());
    assert.match((await outcome)?.reason ?? "", /\(github\.dispatch acme\/first, which was not awaited\)$/);
    assert.deepEqual(
      warned.filter(({ message }) => /also failed/.test(message)).map(({ facts }) => facts.call),
      ["github.dispatch acme/second", "github.dispatch acme/third"],
    );
  });

  it("that fails for a passing reason is repeated in the next attempt", async (t) => {
    const { accept, calls, clock, store } = scene(t, async ({ github: { dispatch } }) => void dispatch("a/b", "x", {}));
    await accept();
    await until("it has begun", () => calls.length === 1);
    calls[0]?.reject(blink());
    await until("the run waits", async () => (await store.get("r1"))?.run.status === "queued");
    clock.move(6000);
    await until("it has begun again", () => calls.length === 2);
    calls[1]?.resolve();
    await until("the run has ended", async () => (await store.get("r1"))?.run.status === "success");
  });

  it("may be one of several, of which the later follow on the earlier", async (t) => {
    const { accept, calls } = scene(t, async ({ github: { dispatch } }) => {
      void dispatch("acme/shop", "first", {}).then(() => dispatch("acme/shop", "second", {}));
      return {};
    });
    const { outcome } = await accept();
    for (const at of [0, 1]) {
      await until("it has begun", () => calls.length === at + 1);
      calls[at]?.resolve();
    }
    assert.equal((await outcome)?.status, "success");
    assert.deepEqual(
      calls.map(({ event }) => event),
      ["first", "second"],
    );
  });

  it("is awaited also when the workflow throws, whose reason stays the run's", async (t) => {
    const { accept, calls, named, store } = scene(t, async ({ github: { dispatch } }) => {
      await Promise.all([dispatch("acme/shop", "slow", {}), Promise.reject(rejections())]);
    });
    const { outcome } = await accept();
    await until("the log names it", () => named().length === 1);
    assert.equal((await store.get("r1"))?.run.status, "running");
    calls[0]?.reject(blink());
    const run = await outcome;
    assert.deepEqual([run?.status, run?.reason], ["failure", "Sending failed: GitHub answered 422. Fix it."]);
  });

  it("may be a step, whose result is kept", async (t) => {
    const { accept, calls, named } = scene(t, async ({ github: { dispatch }, step }) => {
      void step("send", async () => {
        await dispatch("acme/shop", "x", {});
        return "sent";
      });
      return {};
    });
    const { outcome } = await accept();
    await until("it has begun", () => calls.length === 1);
    calls[0]?.resolve();
    assert.equal((await outcome)?.status, "success");
    // What the step awaits is the step's.
    assert.deepEqual(named(), [["step send"]]);
  });

  it("in a step belongs to the step, which is not completed before, and fails with it", async (t) => {
    const { accept, calls, named, store } = scene(t, async ({ github: { dispatch }, step }) => {
      await step("send", () => {
        void dispatch("acme/shop", "x", {});
        return "sent";
      }).catch(() => {});
      return {};
    });
    const { outcome } = await accept();
    await until("it has begun", () => calls.length === 1);
    assert.deepEqual((await store.get("r1"))?.steps, []);
    calls[0]?.reject(rejections());
    assert.equal((await outcome)?.status, "success", "the workflow has caught it");
    assert.deepEqual(named(), [["github.dispatch acme/shop"]]);
    assert.match((await store.get("r1"))?.steps[0]?.error ?? "", /422/);
  });

  it("takes no longer than the attempt may", async (t) => {
    const { accept, calls, clock } = scene(t, async ({ github: { dispatch } }) => void dispatch("a/b", "x", {}), {
      timeout: "10s",
      retry: false,
    });
    const { outcome } = await accept();
    await until("it has begun", () => calls.length === 1);
    clock.move(10_000);
    assert.match((await outcome)?.reason ?? "", /took longer than .*10s/);
  });

  it("may be waitFor", async (t) => {
    const down = await fixedPort();
    const { accept } = scene(t, async ({ waitFor }) => {
      void waitFor(`http://127.0.0.1:${down}/`, { timeout: "500ms" });
      return {};
    });
    const run = await (await accept()).outcome;
    assert.deepEqual([run?.status, run?.kind], ["queued", "transient"]);
    assert.match(run?.reason ?? "", /\(waitFor, which was not awaited\)$/);
  });
});
