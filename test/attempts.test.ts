import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, it, type TestContext } from "node:test";
import { type Context, TransientFailure } from "../src/index.ts";
import { until } from "./support/clock.ts";
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
    assert.match(run?.reason ?? "", /took longer than the 5m that steps has for it/);
    clock.move(6000);
    await until("the second attempt has ended", async () => (await store.get("r1"))?.run.status === "success");
    assert.deepEqual((await store.get("r1"))?.run.outputs, { attempt: 2 });
  });

  it("that is over is told so by its signal, and nothing that it still does has an effect", async (t) => {
    const refused: string[] = [];
    let given: Context | undefined;
    const { clock, store, accept } = workerWith(
      t,
      async (context) => {
        given = context;
        await new Promise((resolve) => context.signal.addEventListener("abort", resolve));
        const note = (error: Error) => void refused.push(error.message);
        await context.step("late", () => "done").catch(note);
        await context.github.dispatch("acme/shop", "late", {}).catch(note);
        return { late: true };
      },
      { options: { timeout: "10s", retry: false } },
    );
    const { outcome } = await accept();
    clock.move(10_000);
    assert.equal((await outcome)?.status, "failure");
    await until("both were refused", () => refused.length === 2);
    assert.match(
      refused.join(),
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
    assert.match(run?.reason ?? "", /it blinked\. Wait\. It is not tried again: the workflow says `retry: false`\.$/);
  });

  it("does not depend on labels that cannot be had", async (t) => {
    const labels = () => {
      throw new Error("no labels");
    };
    const { accept } = workerWith(t, async () => ({}), { options: { labels } });
    assert.equal((await (await accept()).outcome)?.status, "success");
  });
});

describe("waitFor", () => {
  /** A server that answers with these statuses, one after the other, and then with the last of them. */
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

  it("goes on until the answer is as wanted", async (t) => {
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
    let moved = 0;
    await until("it has ended", () => {
      if (run === "open" && server.asked() > moved) {
        moved = server.asked();
        setTimeout(() => clock.move(900), 20);
        setTimeout(() => clock.move(900), 40);
      }
      return run !== "open";
    });
    assert.deepEqual((run as unknown as { outputs: unknown }).outputs, { asked: 3 });
  });

  it("takes the answer for wanted that `until` says", async (t) => {
    const server = await answering(t, [401]);
    const { accept } = workerWith(t, async ({ waitFor }) => {
      await waitFor(server.url, { until: ({ status, text }) => status === 401 && text.startsWith("ready") });
      return {};
    });
    assert.equal((await (await accept()).outcome)?.status, "success");
  });

  it("does not ask again for what can never answer, and names no secret of its address", async (t) => {
    const refused: [string, string][] = [
      ["http://", "a URL"],
      ["ftp://user:secret-word@h.example/secret-0123456789abcdef/x?secret-word", "ftp://h.example/…/x"],
      ["http://user:secret-word@h.example/", "http://h.example/"],
      ["https://hooks.example/services/T01/B02/secretXYZ0123456789abcd:0", "https://hooks.example/services/T01/B02/…"],
    ];
    for (const [at, [url, shown]] of refused.entries()) {
      const fetch = at === 3 ? async () => assert.fail(`a bug with ${url}`) : globalThis.fetch;
      const { accept } = workerWith(t, async ({ waitFor }) => waitFor(url), { needs: { fetch } });
      const run = await (await accept()).outcome;
      assert.deepEqual([run?.status, run?.kind], ["failure", "permanent"], url);
      assert.ok(run?.reason?.startsWith(`Waiting for ${shown} failed: the URL cannot be used (`), run?.reason ?? "");
      assert.doesNotMatch(run?.reason ?? "", /secret/);
    }
  });

  it("gives up with a failure that passes, and names the place without its query", async (t) => {
    const server = await answering(t, [503]);
    const { accept } = workerWith(t, async ({ waitFor }) => {
      await waitFor(server.url, { timeout: "500ms" });
      return {};
    });
    const run = await (await accept()).outcome;
    assert.deepEqual([run?.status, run?.kind], ["queued", "transient"]);
    assert.match(
      run?.reason ?? "",
      /^Waiting 500ms for http:\/\/127\.0\.0\.1:\d+\/health failed: the last try was answered 503/,
    );
  });
});
