import assert from "node:assert/strict";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, it, type TestContext } from "node:test";
import type { Context, Json, Workflow } from "../src/index.ts";
import { type RunStore, StoreUnavailable } from "../src/model/store.ts";
import type { AppOptions } from "../src/service/ground.ts";
import { openSqliteStore } from "../src/store/sqlite/store.ts";
import { type MovedClock, movedClock, until } from "./support/clock.ts";
import { temporaryFolder } from "./support/folder.ts";
import { readHistory } from "./support/history.ts";
import { fixedPort } from "./support/process.ts";
import { send, startService, TARGET } from "./support/service.ts";
import { workerWith } from "./support/worker.ts";

/** How long runs continue before their signals are aborted, and how long what they have begun may then take, ms. */
const [CONTINUE_MS, LAST_MS] = [8000, 2000];

const ANYTHING = { safeParse: (data: unknown) => ({ success: true as const, data }) };

/** A GitHub that answers when the test lets it. */
async function heldGitHub(t: TestContext) {
  const requests: string[] = [];
  const open: ServerResponse[] = [];
  let cut = 0;
  const server = createServer((request, response) => {
    requests.push(`${request.method} ${request.url}`);
    open.push(response);
    response.on("close", () => void (response.writableFinished || cut++));
    request.resume();
  });
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  t.after(() => void server.close());
  t.after(() => void server.closeAllConnections());
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    answer: (status: number) => void open.shift()?.writeHead(status).end(),
    /** Requests that the service aborted before they were answered. */
    cut: () => cut,
  };
}

type Given = Context<{ readonly body: Json }>;

/** The service with one workflow at /work in front of that GitHub, and a run of it that has begun. */
async function serviceWithRun(
  t: TestContext,
  run: (context: Given) => Promise<unknown>,
  options: AppOptions & { readonly workflow?: Partial<Workflow>; readonly body?: object } = {},
) {
  const github = await heldGitHub(t);
  const dataDir = temporaryFolder(t);
  const clock = movedClock();
  let begun = 0;
  const workflow: Workflow = {
    name: "work",
    on: { http: { path: "/work", body: ANYTHING, tokenField: "github_token" } },
    run: (context: Given) => {
      begun++;
      return run(context);
    },
    ...options.workflow,
  };
  const start = () =>
    startService(t, {
      settings: { DATA_DIR: dataDir, GITHUB_API_URL: github.url },
      options: { clock, ...options, workflows: [{ workflow, file: "work.ts" }] },
    });
  const service = await start();
  await send(service.url, {
    method: "POST",
    path: "/work",
    headers: { prefer: "respond-async" },
    body: JSON.stringify(options.body ?? {}),
  });
  await until("the run has begun", () => begun === 1);
  /** SIGTERM does the same. */
  const stop = async () => {
    const closed = service.app.close();
    const due = clock.now() + CONTINUE_MS;
    await until("the stop has begun", () => clock.next() === due || isNear(clock.next(), due));
    return { closed };
  };
  const history = () =>
    readHistory(dataDir).map(({ status, attempts }) => [status, attempts.map((each) => each.outcome)]);
  return { github, clock, service, start, stop, history, begun: () => begun };
}

/** Another clock measures the deadline of the stop, to a few milliseconds. */
const isNear = (at: number | undefined, due: number) => at !== undefined && at <= due && at > due - 1000;

/** Resolves when the signals are aborted and the stop waits for the last part. */
const lastPart = (clock: MovedClock) =>
  until("the last part has begun", () => (clock.next() ?? Number.POSITIVE_INFINITY) <= clock.now() + LAST_MS);

/** What a workflow gets when it begins something. */
const outcomeOf = (work: Promise<unknown>) =>
  work.then(
    () => "done",
    (error: Error) => error.message,
  );

describe("an orderly stop", () => {
  it("aborts the signal, then sends nothing more, then gives the run back", async (t) => {
    let told = "";
    const { github, clock, stop, history } = await serviceWithRun(t, async ({ signal, github: { dispatch } }) => {
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
      told = await outcomeOf(dispatch("acme/shop", "late", {}));
      return { told };
    });
    const { closed } = await stop();
    clock.move(CONTINUE_MS);
    await closed;
    assert.match(told, /github\.dispatch of work failed: the attempt is over/);
    assert.deepEqual(github.requests, []);
    assert.deepEqual(history(), [["queued", ["stopped"]]]);
  });

  it("abandons a workflow that ignores its signal, and nothing that it still does has an effect", async (t) => {
    const { promise: released, resolve: release } = Promise.withResolvers<void>();
    const told: string[] = [];
    const { github, clock, stop, history } = await serviceWithRun(t, async ({ github: { dispatch }, step }) => {
      await released;
      told.push(await outcomeOf(dispatch("acme/shop", "late", {})), await outcomeOf(step("late", () => 1)));
    });
    const { closed } = await stop();
    clock.move(CONTINUE_MS);
    await lastPart(clock);
    clock.move(LAST_MS);
    await closed;
    assert.deepEqual(history(), [["queued", ["stopped"]]]);
    release();
    await until("both were rejected", () => told.length === 2);
    assert.match(told.join(), /github\.dispatch of work failed.*the step late of work failed/);
    assert.deepEqual(github.requests, []);
  });

  it("waits for the answer to a request on the wire, and a run that succeeds with it has succeeded", async (t) => {
    let signal: AbortSignal | undefined;
    const { github, clock, stop, history } = await serviceWithRun(t, async (context) => {
      signal = context.signal;
      await context.github.dispatch("acme/shop", "deployed", {});
      return { sent: true };
    });
    await until("it is on the wire", () => github.requests.length === 1);
    const { closed } = await stop();
    clock.move(CONTINUE_MS);
    await until("the signal is aborted", () => signal?.aborted === true);
    github.answer(204);
    await closed;
    assert.deepEqual(history(), [["success", ["success"]]]);
    assert.equal(github.requests.length, 1);
  });

  it("keeps the result of a step that finishes in the last part", async (t) => {
    const results: unknown[] = [];
    const { github, clock, start, stop, history } = await serviceWithRun(t, async ({ step, github: { dispatch } }) => {
      results.push(await step("dispatch", () => dispatch("acme/shop", "deployed", {}).then(() => "sent")));
      await step("after", () => "done");
      return {};
    });
    await until("it is on the wire", () => github.requests.length === 1);
    // After that a step appears as begun.
    clock.move(100);
    const { closed } = await stop();
    clock.move(CONTINUE_MS);
    await lastPart(clock);
    github.answer(204);
    await closed;
    assert.deepEqual(history(), [["queued", ["stopped"]]]);
    await start();
    await until("it has ended", () => history()[0]?.[0] === "success");
    assert.deepEqual([github.requests.length, results], [1, ["sent", "sent"]]);
  });

  it("aborts what is still on the wire before it gives the run back, which continues after the next start", async (t) => {
    const { github, clock, stop, start, history } = await serviceWithRun(t, async ({ github: { dispatch } }) => {
      await dispatch("acme/shop", "deployed", {});
      return {};
    });
    await until("it is on the wire", () => github.requests.length === 1);
    const { closed } = await stop();
    clock.move(CONTINUE_MS);
    await lastPart(clock);
    clock.move(LAST_MS);
    await closed;
    await until("the connection is closed", () => github.cut() === 1);
    assert.deepEqual(history(), [["queued", ["stopped"]]]);
    github.answer(204);
    await start();
    await until("it is sent again", () => github.requests.length === 2);
    github.answer(204);
    await until("it has ended", () => history()[0]?.[0] === "success");
  });

  it("does not retry a request that failed before", async (t) => {
    const { promise: waited, resolve: goOn } = Promise.withResolvers<void>();
    const tries: number[] = [];
    const waiting = (ms: number) => {
      tries.push(ms);
      return waited;
    };
    const { github, clock, stop, history } = await serviceWithRun(
      t,
      async ({ github: { dispatch } }) => {
        // A workflow that treats any failure as an answer.
        await dispatch("acme/shop", "deployed", {}).catch(() => {});
        return {};
      },
      { wait: waiting },
    );
    await until("it is on the wire", () => github.requests.length === 1);
    github.answer(502);
    await until("it waits for the next try", () => tries.length === 1);
    const { closed } = await stop();
    clock.move(CONTINUE_MS);
    await lastPart(clock);
    goOn();
    await closed;
    assert.deepEqual(history(), [["queued", ["stopped"]]]);
    assert.equal(github.requests.length, 1);
  });

  it("ends a run that came with a token, because a later attempt would not have it", async (t) => {
    const { clock, stop, history } = await serviceWithRun(t, () => new Promise(() => {}), {
      body: { github_token: "ghp_callersOwn0123456789abcdefABCDEF01" },
    });
    const { closed } = await stop();
    clock.move(CONTINUE_MS);
    await lastPart(clock);
    clock.move(LAST_MS);
    await closed;
    assert.deepEqual(history(), [["failure", ["stopped"]]]);
  });
});

describe("an orderly stop while nothing can be stored", () => {
  it("ends, and leaves the runs to the next start", async (t) => {
    const folder = temporaryFolder(t);
    const sqlite = openSqliteStore(folder, movedClock());
    let isFull = false;
    let tries = 0;
    const settle: RunStore["settle"] = async (...settlement) => {
      if (!isFull) return sqlite.settle(...settlement);
      tries++;
      throw new StoreUnavailable("The disk is full.");
    };
    const { clock, accept, close } = workerWith(
      t,
      ({ runId }) => (runId === "r1" ? Promise.resolve({}) : new Promise(() => {})),
      { folder, store: { ...sqlite, settle } },
    );
    isFull = true;
    await accept({}, "r1");
    await accept({}, "r2");
    await until("it is tried to store the first one's end", () => tries === 1);
    await close();
    assert.equal(clock.next(), undefined);
    assert.deepEqual(
      readHistory(folder).map(({ status }) => status),
      ["running", "running"],
    );
  });
});

describe("a service that has stopped", () => {
  it("has no alarm left, for any kind of wait: each would keep the process alive", async (t) => {
    const clock = movedClock();
    const down = `http://127.0.0.1:${await fixedPort()}/`;
    const workflow = (name: string, run: (context: Given) => Promise<unknown>, on?: Workflow["on"]) => ({
      workflow: { name, on: on ?? { http: { path: `/${name}`, body: ANYTHING } }, run } as Workflow,
      file: `${name}.ts`,
    });
    let asked = 0;
    const { url, app, github } = await startService(t, {
      settings: { NOTIFY_URL: down, GITHUB_LIMITS: "writes=1/2s" },
      options: {
        clock,
        workflows: [
          workflow("waits", ({ waitFor }) => waitFor(down, { until: () => ++asked > 0 })),
          workflow("fails", () => Promise.reject(new Error("on purpose"))),
          workflow("hangs", () => new Promise(() => {})),
          workflow("ticks", async () => {}, { schedule: { cron: "0 3 * * *" } }),
          workflow("sends", async ({ github: { dispatch } }) => {
            await dispatch(TARGET, "first", {});
            await dispatch(TARGET, "held back by the limit", {});
          }),
        ],
      },
    });
    const page = fetch(`${url}/live`).catch(() => {});
    const headers = { prefer: "respond-async" };
    for (const path of ["/waits", "/fails", "/hangs", "/sends"]) {
      await send(url, { method: "POST", path, headers, body: "{}" });
    }
    const caller = send(url, { method: "POST", path: "/hangs", body: "{}" }).catch(() => {});
    await until("one is sent", () => github.dispatches.length === 1);
    const closed = app.close();
    // The caller's connection stays open until it is closed, by another clock.
    const moving = setInterval(() => clock.move(LAST_MS), 50);
    await closed;
    clearInterval(moving);
    await Promise.all([page, caller]);
    assert.equal(clock.next(), undefined);
  });
});

describe("an attempt whose time is over", () => {
  it("does not retry a request that failed before", async (t) => {
    const { promise: waited, resolve: goOn } = Promise.withResolvers<void>();
    const tries: number[] = [];
    const waiting = (ms: number) => {
      tries.push(ms);
      return waited;
    };
    let told = "";
    const { github, clock, history } = await serviceWithRun(
      t,
      async ({ github: { dispatch } }) => {
        told = await outcomeOf(dispatch("acme/shop", "deployed", {}));
      },
      { wait: waiting, workflow: { timeout: "5s", retry: false } },
    );
    await until("it is on the wire", () => github.requests.length === 1);
    github.answer(502);
    await until("it waits for the next try", () => tries.length === 1);
    clock.move(5000);
    await until("it has failed", () => history()[0]?.[0] === "failure");
    goOn();
    await until("the workflow gets the error", () => told !== "");
    assert.equal(github.requests.length, 1);
  });

  it("aborts what it has on the wire", async (t) => {
    const { github, clock, history } = await serviceWithRun(
      t,
      async ({ github: { dispatch } }) => dispatch("acme/shop", "deployed", {}),
      { workflow: { timeout: "5s", retry: false } },
    );
    await until("it is on the wire", () => github.requests.length === 1);
    clock.move(5000);
    await until("it has failed", () => history()[0]?.[0] === "failure");
    await until("the connection is closed", () => github.cut() === 1);
  });
});

describe("an orderly stop while the store is about to answer", () => {
  for (const way of ["accepted", "claimed"] as const) {
    it(`gives back a run that is being ${way}, and executes none of its code`, async (t) => {
      const folder = temporaryFolder(t);
      const clock = movedClock();
      const store = openSqliteStore(folder, clock);
      const event = { id: "r1", workflow: "steps", group: undefined, input: {}, ownToken: false };
      if (way === "claimed") {
        await store.accept(event, { owner: "earlier", now: clock.now(), leaseMs: 60_000, take: false });
      }
      let isHeld = false;
      let answer = () => {};
      const held = async <T>(result: T): Promise<T> => {
        isHeld = true;
        await new Promise<void>((resolve) => {
          answer = resolve;
        });
        return result;
      };
      const slow: RunStore = {
        ...store,
        accept: async (...given) => held(await store.accept(...given)),
        claim: async (lease) => {
          const claims = await store.claim(lease);
          return claims.length > 0 ? held(claims) : claims;
        },
      };
      let begun = 0;
      const { accept, close } = workerWith(t, async () => ({ begun: begun++ }), { clock, folder, store: slow });
      if (way === "accepted") void accept();
      await until("the store is about to answer", () => isHeld);
      const closed = close();
      for (let turn = 0; turn < 50; turn++) {
        await new Promise((resolve) => setImmediate(resolve));
        clock.move(1);
      }
      answer();
      await closed;
      assert.deepEqual(
        readHistory(folder).map(({ status, attempts }) => [status, attempts.map((each) => each.outcome)]),
        [["queued", ["stopped"]]],
      );
      assert.equal(begun, 0);
    });
  }
});
