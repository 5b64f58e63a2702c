import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Annotation, PermanentFailure, skip, TransientFailure } from "../src/index.ts";
import { until } from "./support/clock.ts";
import { postgresForTests } from "./support/postgres.ts";
import { CHECKS, CREATE, NEWER, PUBLIC_URL, pullEvent, reportingService, SHA, UPDATE } from "./support/reporting.ts";
import { send, TARGET } from "./support/service.ts";
import { workerWith } from "./support/worker.ts";

const MINUTE = 60_000;
const postgres = postgresForTests();

const failed = () => new PermanentFailure({ tried: "reading it", happened: "it is bad", remedy: "Write it again." });
const passing = () => new TransientFailure({ tried: "reading it", happened: "it is away", remedy: "Wait." });

describe("the result of a run on its commit", () => {
  it("is one completed check, with the workflow's text and a link to the run", async (t) => {
    const { event, is, shop, writes } = await reportingService(t, {
      async run({ report }) {
        report({ title: "First", summary: "_all_ is well" });
        report({ title: "2 files are well" });
      },
    });
    const id = await event();
    await is(id, "success");
    assert.equal(writes(), 1);
    const [check, ...more] = shop.checks;
    assert.deepEqual(more, []);
    assert.deepEqual(
      [check?.name, check?.sha, check?.status, check?.conclusion, check?.output, check?.detailsUrl],
      [
        "lint",
        SHA,
        "completed",
        "success",
        { title: "2 files are well", summary: "_all_ is well", text: null },
        `${PUBLIC_URL}/runs/${id}`,
      ],
    );
  });

  it("exists without any text of the workflow, under its chosen name", async (t) => {
    const { event, is, shop } = await reportingService(t, {
      report: { as: "check", name: "title / lint" },
      async run() {},
    });
    await is(await event(), "success");
    assert.deepEqual([shop.checks[0]?.name, shop.checks[0]?.output.title], ["title / lint", "Success"]);
  });

  it("is skipped, with the reason, when the run is", async (t) => {
    const { event, is, checks } = await reportingService(t, { run: async () => skip("no code has changed") });
    await is(await event(), "skipped");
    assert.deepEqual(checks(), ["skipped: no code has changed"]);
  });

  it("is a failure, with the reason", async (t) => {
    const { event, is, shop } = await reportingService(t, {
      async run() {
        throw failed();
      },
    });
    await is(await event(), "failure");
    const { conclusion, output } = shop.checks[0] ?? assert.fail();
    assert.deepEqual([conclusion, output.title], ["failure", "Reading it failed: it is bad. Write it again."]);
    assert.match(output.summary ?? "", /^```text\nReading it failed: it is bad/);
  });

  it("is a failure under the title that the workflow gave, and the reason is below", async (t) => {
    const { event, is, shop } = await reportingService(t, {
      async run({ report }) {
        report({ title: "2 typos", summary: "Here they are." });
        throw failed();
      },
    });
    await is(await event(), "failure");
    const { output } = shop.checks[0] ?? assert.fail();
    assert.equal(output.title, "2 typos");
    assert.match(output.summary ?? "", /^Here they are\.\n\n```text\nReading it failed/);
  });

  it("is a status if configured: with the right state, and a description of GitHub's length", async (t) => {
    for (const [run, state, description] of [
      [async () => {}, "success", /^Success$/],
      [async () => skip("nothing to do"), "success", /^nothing to do$/],
      [
        async () => {
          throw failed();
        },
        "failure",
        /^Reading it failed/,
      ],
      [async ({ report }: { report(it: object): void }) => report({ title: "x".repeat(200) }), "success", /^x{139}…$/],
    ] as const) {
      const { event, shop, runs } = await reportingService(t, { report: "status", run: run as never }, { grant: {} });
      await event();
      await until("it has ended", async () =>
        (await runs()).every(({ status }) => /success|skipped|failure/.test(status)),
      );
      const [status, ...more] = shop.statuses;
      assert.deepEqual([more, status?.sha, status?.context, status?.state], [[], SHA, "lint", state]);
      assert.match(status?.description ?? "", description);
    }
  });

  it("as a status is pending once while the run waits, and an error when it is cancelled", async (t) => {
    const { event, is, shop, cancel, pass } = await reportingService(
      t,
      {
        report: "status",
        run: async ({ waitUntil }) => void (await waitUntil("merged", () => undefined, { every: "1m" })),
      },
      { grant: {} },
    );
    const id = await event();
    await is(id, "waiting");
    await pass(MINUTE);
    await is(id, "waiting");
    await cancel(id);
    await until("it is shown", () => shop.statuses.length === 2);
    const shown = shop.statuses.map(({ state, description, targetUrl }) => ({ state, description, targetUrl }));
    const targetUrl = `${PUBLIC_URL}/runs/${id}`;
    assert.match(shown[1]?.description ?? "", /^Cancelled by /);
    assert.deepEqual(shown, [
      { state: "pending", description: "The run waits until merged (for up to 1d, checked every 1m).", targetUrl },
      { state: "error", description: shown[1]?.description, targetUrl },
    ]);
  });

  it("goes to the head of a merge group, and is not shown for events without a commit", async (t) => {
    const { event, is, checks, writes } = await reportingService(t, {
      on: { github: { events: ["merge_group", "issues"] } },
      async run() {},
    });
    const repository = { full_name: TARGET };
    await is(await event({ action: "opened", repository, issue: { number: 3 } }, "issues"), "success");
    assert.equal(writes(), 0);
    await is(
      await event({ action: "checks_requested", repository, merge_group: { head_sha: SHA } }, "merge_group"),
      "success",
    );
    assert.deepEqual(checks(), ["success: Success"]);
  });

  it("is not shown for GitHub's webhooks about it, which would never end", async (t) => {
    const { event, is, shop, checks, writes } = await reportingService(t, {
      on: { github: { events: ["status", "check_run"] } },
      async run() {},
    });
    const repository = { full_name: TARGET };
    await is(await event({ repository, sha: SHA, context: "lint", state: "success" }, "status"), "success");
    const check_run = { name: "lint", head_sha: SHA };
    await is(await event({ repository, action: "completed", check_run }, "check_run"), "success");
    assert.deepEqual([writes(), shop.statuses], [0, []]);
    await is(await event({ repository, sha: SHA, context: "tests", state: "success" }, "status"), "success");
    assert.deepEqual(checks(), ["success: Success"]);
  });

  it("goes to the commit that the workflow names, and nowhere if it names none", async (t) => {
    const commit = ({ inputs }: { inputs?: { sha: string } }) =>
      inputs?.sha ? { repository: TARGET, sha: inputs.sha } : undefined;
    const inputs = { safeParse: (data: unknown) => ({ success: true as const, data }) };
    const { url, is, checks, runOf } = await reportingService(t, {
      on: { manual: { inputs } },
      report: { as: "check", commit },
      async run() {},
    });
    const start = async (given: object) => {
      const body = JSON.stringify({ inputs: given });
      const headers = { "content-type": "application/json", "content-length": String(body.length) };
      const answer = await send(url, { method: "POST", path: "/api/workflows/lint/runs", body, headers });
      return String(answer.json.run ?? answer.json.id);
    };
    await is(await start({ sha: NEWER }), "success");
    await is(await start({}), "success");
    assert.deepEqual(checks(NEWER), ["success: Success"]);
    const wrong = await start({ sha: "main" });
    await is(wrong, "failure");
    assert.match((await runOf(wrong)).reason, /`report.commit` returned .*"sha":"main".* with the full hash/s);
  });

  it("of a comment on a pull request goes to its head, even if that has moved since", async (t) => {
    const { event, is, checks, shop, pass } = await reportingService(t, {
      on: { github: { events: "issue_comment" } },
      async run({ sleep }) {
        await sleep("a while", "10m");
      },
    });
    const pull = shop.openPull({ number: 9, head: { ref: "change", sha: SHA } });
    const issue = { number: 9, pull_request: {} };
    const id = await event({ action: "created", repository: { full_name: TARGET }, issue }, "issue_comment");
    await is(id, "waiting");
    pull.head = { ref: "change", sha: NEWER };
    await pass(11 * MINUTE);
    await is(id, "success");
    assert.deepEqual([checks(), checks(NEWER)], [["success: Success"], []]);
  });

  it("has texts of GitHub's length, and no empty ones", async (t) => {
    const { event, is, shop } = await reportingService(t, {
      async run({ event, report }) {
        const isLong = event.payload.pull_request.title === "long";
        report({ title: isLong ? "t".repeat(300) : "", summary: isLong ? "🌍".repeat(40_000) : "" });
      },
    });
    await is(await event(pullEvent(SHA, { title: "long" })), "success");
    await is(await event(pullEvent(NEWER, { title: "empty" })), "success");
    const [long, empty] = shop.checks.map(({ output }) => output);
    assert.deepEqual([long?.title?.length, (long?.summary?.length ?? 0) <= 65_535], [255, true]);
    assert.deepEqual([empty?.title, empty?.summary], ["Success", "The run has succeeded."]);
  });

  it("must be valid for GitHub, or the run fails at the call", async (t) => {
    for (const wrong of [7, null, { title: 7 }, { annotations: "none" }]) {
      const { event, is, runOf } = await reportingService(t, { run: async ({ report }) => report(wrong as object) });
      const id = await event();
      await is(id, "failure");
      assert.match(
        (await runOf(id)).reason,
        /^Reporting failed: report was called with .* Pass \{ title, summary, annotations \}/,
      );
    }
  });

  it("has no secret in it", async (t) => {
    const secret = "ghp_0123456789abcdefghijklmnopqrstuvwxyzAB";
    const { event, is, shop } = await reportingService(t, {
      async run({ report }) {
        const annotation = {
          path: "a.ts",
          line: 1,
          message: `it is ${secret}`,
          title: secret,
          level: "notice",
        } as const;
        report({ title: `with ${secret}`, summary: `a ${secret}`, annotations: [annotation] });
      },
    });
    await is(await event(), "success");
    assert.equal(shop.checks[0]?.output.title, "with ***");
    assert.doesNotMatch(JSON.stringify(shop.checks), /ghp_/);
  });

  it("is not written, and costs nothing, in a workflow without the option, and the run's log reports it", async (t) => {
    const { event, is, github, url } = await reportingService(t, {
      report: undefined as never,
      async run({ report }) {
        report({ title: "unheard" });
      },
    });
    const id = await event();
    await is(id, "success");
    assert.deepEqual(
      github.requests.filter(({ path }) => !path.endsWith("/hooks")),
      [],
    );
    assert.match(
      (await send(url, { path: `/api/runs/${id}/logs` })).text,
      /report\(\) has no effect: the workflow has no option `report`/,
    );
  });
});

for (const [name, database] of [
  ["SQLite", undefined],
  ["PostgreSQL", postgres],
] as const) {
  describe(`the check of a run that takes several attempts, on ${name}`, () => {
    it("is in progress while it is retried, and one at the end", async (t) => {
      let attempts = 0;
      const { event, is, checks, pass, writes } = await reportingService(
        t,
        {
          async run() {
            if (++attempts < 3) throw passing();
          },
        },
        { database },
      );
      const id = await event();
      await until("the first attempt has failed", () => checks().length > 0);
      assert.deepEqual(checks(), ["in_progress: Will be retried: Reading it failed: it is away. Wait."]);
      await is(id, "queued");
      await pass(5000);
      await until("the second attempt has failed", () => attempts === 2);
      await is(id, "queued");
      assert.equal(writes(), 1);
      await pass(30_000);
      await is(id, "success");
      assert.deepEqual([checks(), writes()], [["success: Success"], 2]);
    });

    it("is a failure when the time for retries is over", async (t) => {
      const { event, is, checks, pass } = await reportingService(
        t,
        {
          async run() {
            throw passing();
          },
        },
        { database, settings: { RETRY_HOURS: "0.01" } },
      );
      const id = await event();
      for (let nth = 0; nth < 3; nth++) {
        await until("it rests", async () => checks().length > 0);
        await pass(31_000);
        await until("it continues", async () => true);
      }
      await is(id, "failure");
      assert.match(checks().join(), /^failure: Reading it failed: it is away/);
    });

    it("shows what the run waits for, once, and then its result", async (t) => {
      const { event, is, checks, pass, writes } = await reportingService(
        t,
        {
          async run({ waitUntil, report }) {
            let looks = 0;
            await waitUntil("merged", () => (++looks > 0 ? undefined : true), { every: "1m", timeout: "3m" }).catch(
              () => {},
            );
            report({ title: "Merged" });
          },
        },
        { database },
      );
      const id = await event();
      await is(id, "waiting");
      assert.deepEqual(checks(), ["in_progress: The run waits until merged (for up to 3m, checked every 1m)."]);
      for (let minute = 1; minute <= 4; minute++) {
        await pass(MINUTE);
        await is(id, minute < 3 ? "waiting" : "success");
      }
      assert.deepEqual([checks(), writes()], [["success: Merged"], 2]);
    });

    it("is cancelled with a run that waits, runs, or is to be retried", async (t) => {
      for (const how of ["wait", "run", "retry"]) {
        let begun = false;
        const { event, is, checks, cancel } = await reportingService(
          t,
          {
            async run({ sleep, signal }) {
              begun = true;
              if (how === "wait") await sleep("long", "1d");
              if (how === "retry") throw passing();
              await new Promise((resolve) => signal.addEventListener("abort", resolve));
            },
          },
          { database },
        );
        const id = await event();
        await until("it has begun", () => begun);
        await is(id, { wait: "waiting", run: "running", retry: "queued" }[how] ?? "");
        assert.equal((await cancel(id)).status, 200);
        await until("it is shown", () => /^cancelled/.test(checks().join()));
        assert.match(checks().join(), /^cancelled: Cancelled by .+\.$/);
      }
    });

    it("is in progress again when the run is re-run, and the newest one has the new result", async (t) => {
      let isGood = false;
      const { event, is, checks, pass, rerun } = await reportingService(
        t,
        {
          async run({ sleep, attempt }) {
            if (attempt > 1) await sleep("a while", "1m");
            if (!isGood) throw failed();
          },
        },
        { database },
      );
      const id = await event();
      await is(id, "failure");
      isGood = true;
      assert.equal((await rerun(id)).status, 202);
      await is(id, "waiting");
      assert.deepEqual(
        checks().map((check) => check.split(":")[0]),
        ["failure", "in_progress"],
      );
      await pass(MINUTE);
      await is(id, "success");
      assert.deepEqual(
        checks().map((check) => check.split(":")[0]),
        ["failure", "success"],
      );
    });

    it("shows the newest of two titles, for any outcome of the older run", async (t) => {
      const titles: string[] = [];
      const first = Promise.withResolvers<void>();
      const { event, is, checks } = await reportingService(
        t,
        {
          async run({ event, report }) {
            const { title } = event.payload.pull_request;
            titles.push(title);
            if (title === "old") await first.promise;
            report({ title });
          },
        },
        { database },
      );
      const old = await event(pullEvent(SHA, { title: "old" }));
      await until("the first one runs", () => titles.length === 1);
      const middle = await event(pullEvent(SHA, { title: "middle" }));
      const last = await event(pullEvent(SHA, { title: "new" }));
      // Another commit does not wait for it.
      await is(await event(pullEvent(NEWER, { title: "other" })), "success");
      first.resolve();
      await is(last, "success");
      await is(old, "success");
      await is(middle, "superseded");
      assert.deepEqual([titles, checks().at(-1)], [["old", "other", "new"], "success: new"]);
      assert.equal(checks().length, 1);
    });

    it("is taken over by the newer event that replaces a run which was due for a retry", async (t) => {
      const { event, is, checks, writes } = await reportingService(
        t,
        {
          async run({ event }) {
            if (event.payload.pull_request.title === "old") throw passing();
          },
        },
        { database },
      );
      const older = await event(pullEvent(SHA, { title: "old" }));
      await is(older, "queued");
      assert.match(checks().join(), /^in_progress: /);
      await is(await event(pullEvent(SHA, { title: "new" })), "success");
      await is(older, "superseded");
      assert.deepEqual([checks(), writes()], [["success: Success"], 2]);
    });

    it("of an older commit is cancelled when a newer event replaces the run, running, waiting or to be retried", async (t) => {
      for (const how of ["run", "wait", "retry"]) {
        const { event, is, checks } = await reportingService(
          t,
          {
            concurrency: { group: ({ pull }: { pull: number }) => String(pull), cancelRunning: how !== "retry" },
            async run({ sha, sleep, signal }) {
              if (sha === NEWER) return;
              if (how === "wait") await sleep("long", "1d");
              if (how === "retry") throw passing();
              await new Promise((resolve) => signal.addEventListener("abort", resolve));
            },
          },
          { database },
        );
        const older = await event();
        await is(older, { wait: "waiting", run: "running", retry: "queued" }[how] ?? "");
        const newer = await event(pullEvent(NEWER));
        await is(newer, "success");
        await is(older, how === "retry" ? "superseded" : "cancelled");
        assert.deepEqual(checks(NEWER), ["success: Success"]);
        assert.match(checks().join(), /^cancelled: /, how);
      }
    });

    it("of an older commit is cancelled, too, when the newer run is itself cancelled, replaced, or about no commit", async (t) => {
      for (const how of ["cancelled", "replaced", "no commit"]) {
        const { event, is, checks, cancel } = await reportingService(
          t,
          {
            concurrency: { group: () => "all", cancelRunning: how === "replaced" },
            ...(how === "no commit" && {
              report: { as: "check", commit: ({ sha }) => (sha === SHA ? { repository: TARGET, sha } : undefined) },
            }),
            async run({ sha, signal, event }) {
              if (sha === SHA) throw passing();
              if (how === "no commit" || event.payload.pull_request.title === "newest") return;
              await new Promise((resolve) => signal.addEventListener("abort", resolve));
            },
          },
          { database },
        );
        const oldest = await event();
        await is(oldest, "queued");
        assert.match(checks().join(), /^in_progress: /);
        const newer = await event(pullEvent(NEWER));
        if (how !== "no commit") await is(newer, "running");
        if (how === "cancelled") await cancel(newer);
        if (how === "replaced") await is(await event(pullEvent(NEWER, { title: "newest" })), "success");
        if (how === "no commit") await is(newer, "success");
        await is(oldest, "superseded");
        await until("it is shown", () => checks().join().startsWith("cancelled: Superseded"));
        assert.equal(checks().length, 1);
      }
    });

    it("goes from the run that is cancelled to the newer one of the same commit", async (t) => {
      let runs = 0;
      const { event, is, checks, writes } = await reportingService(
        t,
        {
          concurrency: { group: ({ sha }: { sha: string }) => sha, cancelRunning: true },
          async run({ sleep }) {
            if (++runs === 1) await sleep("long", "1d");
          },
        },
        { database },
      );
      const older = await event();
      await is(older, "waiting");
      await is(await event(pullEvent(SHA, { title: "again" })), "success");
      await is(older, "cancelled");
      assert.deepEqual([checks(), writes()], [["success: Success"], 2]);
    });
  });
}

describe("together with other options", () => {
  it("debounce shows nothing until the run begins, and counts per commit", async (t) => {
    const { event, is, checks, pass } = await reportingService(t, {
      debounce: "30s",
      async run({ event, report }) {
        report({ title: event.payload.pull_request.title });
      },
    });
    const first = await event(pullEvent(SHA, { title: "a" }));
    const second = await event(pullEvent(SHA, { title: "b" }));
    const other = await event(pullEvent(NEWER, { title: "c" }));
    assert.deepEqual([checks(), checks(NEWER)], [[], []]);
    await pass(31_000);
    await is(second, "success");
    await is(other, "success");
    await is(first, "superseded");
    assert.deepEqual([checks(), checks(NEWER)], [["success: b"], ["success: c"]]);
  });

  it("dedupe shows a repeat as skipped, which GitHub takes for passed, also after a failure between them", async (t) => {
    const { event, is, checks } = await reportingService(t, {
      dedupe: { key: ({ event }) => event.payload.pull_request.title, within: "10m" },
      async run({ event }) {
        if (event.payload.pull_request.title === "bad") throw failed();
      },
    });
    for (const [title, status] of [
      ["good", "success"],
      ["bad", "failure"],
      ["good", "skipped"],
    ] as const) {
      await is(await event(pullEvent(SHA, { title })), status);
    }
    assert.match(checks().at(-1) ?? "", /^skipped: run .* has done the same within 10m/);
  });

  it("timeout: an attempt that takes too long is tried again, and the check is in progress", async (t) => {
    let attempts = 0;
    const { event, is, checks, pass } = await reportingService(t, {
      timeout: "1m",
      async run() {
        if (++attempts === 1) await new Promise(() => {});
      },
    });
    const id = await event();
    await until("it runs", () => attempts === 1);
    await pass(61_000);
    await is(id, "queued");
    assert.match(checks().join(), /^in_progress: Will be retried: The attempt took longer than .*1m/);
    await pass(5000);
    await is(id, "success");
    assert.deepEqual(checks(), ["success: Success"]);
  });

  it("cancelled: it is called once, and the check is cancelled", async (t) => {
    let called = 0;
    const { event, is, checks, cancel } = await reportingService(t, {
      async run({ sleep }) {
        await sleep("long", "1d");
      },
      async cancelled({ report }) {
        called++;
        report({ title: "not heard" });
      },
    });
    const id = await event();
    await is(id, "waiting");
    await cancel(id);
    await until("it is shown", () => /^cancelled: Cancelled by/.test(checks().join()));
    assert.equal(called, 1);
  });

  it("a token of the caller: it writes the check, also of a cancelled run", async (t) => {
    const callersToken = "ghs_ownToken0123456789abcdefABCDEF012345";
    let begun = 0;
    const body = { safeParse: (data: unknown) => ({ success: true as const, data }) };
    const { url, github, checks, runs, cancel } = await reportingService(
      t,
      {
        on: { http: { path: "/lint", body, tokenField: "token" } },
        report: { as: "check", commit: () => ({ repository: TARGET, sha: SHA }) },
        async run({ signal }) {
          begun++;
          await new Promise((resolve) => signal.addEventListener("abort", resolve));
        },
      },
      { grant: {} },
    );
    github.token(callersToken, { app: 9 });
    const sent = JSON.stringify({ token: callersToken });
    const headers = { prefer: "respond-async", "content-length": String(sent.length) };
    await send(url, { method: "POST", path: "/lint", body: sent, headers });
    await until("it runs", () => begun === 1);
    const [{ id } = assert.fail()] = await runs();
    await cancel(id);
    await until("it is shown", () => checks().length === 1);
    assert.match(checks().join(), /^cancelled: Cancelled by /);
  });
});

describe("a service that stops while a result is on its way to GitHub", () => {
  it("does not wait for it, and gives the run back", async (t) => {
    let writes = 0;
    const hanging = { check: () => new Promise<never>(() => void writes++) };
    const { accept, store, worker } = workerWith(t, async () => {}, {
      options: { report: { as: "check", commit: () => ({ repository: TARGET, sha: SHA }) } },
      needs: { github: () => ({ github: hanging, actions: {}, release() {} }) as never },
    });
    await accept();
    await until("it is being written", () => writes === 1);
    await worker.drain(0);
    const { run, attempts } = (await store.get("r1")) ?? assert.fail();
    assert.deepEqual([run.status, attempts.at(-1)?.outcome], ["queued", "stopped"]);
  });

  it("does not end as cancelled when a cancel comes then: its work is done", async (t) => {
    const written = Promise.withResolvers<void>();
    let writes = 0;
    const slow = {
      check() {
        writes++;
        return written.promise;
      },
    };
    const { accept, store, worker } = workerWith(t, async () => {}, {
      options: { report: { as: "check", commit: () => ({ repository: TARGET, sha: SHA }) } },
      needs: { github: () => ({ github: slow, actions: {}, release() {} }) as never },
    });
    await accept();
    await until("it is being written", () => writes === 1);
    const cancel = worker.cancel("r1", { actor: "kim", at: 0 });
    await until("it is marked", async () => (await store.get("r1"))?.run.cancelledBy === "kim");
    written.resolve();
    assert.equal((await cancel).status, "ended");
    assert.deepEqual([(await store.get("r1"))?.run.status, writes], ["success", 1]);
  });
});

describe("a check that cannot be written", () => {
  it("because of a transient fault is written by a later attempt, once", async (t) => {
    let done = 0;
    const { event, is, checks, github, pass } = await reportingService(t, {
      async run({ step }) {
        await step("work", () => void done++);
      },
    });
    const fault = github.fault({ route: CREATE }, { kind: "status", status: 502 });
    const id = await event();
    await is(id, "queued");
    fault.remove();
    await pass(5000);
    await is(id, "success");
    assert.deepEqual([checks(), done], [["success: Success"], 1]);
  });

  it("because of a lost or a cut answer is found, and not created again", async (t) => {
    for (const fault of [{ kind: "reset", afterHandling: true }, { kind: "cut" }] as const) {
      const { event, is, checks, github } = await reportingService(t, { async run() {} });
      github.fault({ route: CREATE, times: 1 }, fault);
      await is(await event(), "success");
      assert.deepEqual(checks(), ["success: Success"]);
    }
  });

  it("does not delay a wait, which is shown a minute later", async (t) => {
    const { event, is, checks, github, pass } = await reportingService(t, {
      async run({ sleep }) {
        await sleep("long", "90s");
      },
    });
    const fault = github.fault({ route: CREATE }, { kind: "status", status: 502 });
    const id = await event();
    await is(id, "waiting");
    assert.deepEqual(checks(), []);
    fault.remove();
    await pass(MINUTE);
    await until("it is shown", () => checks().length === 1);
    await is(id, "waiting");
    await pass(31_000);
    await is(id, "success");
    assert.deepEqual(checks(), ["success: Success"]);
  });

  it("waits for a limit of GitHub, which does not count as a failure", async (t) => {
    const { event, is, checks, github, pass, runOf } = await reportingService(t, { async run() {} });
    github.fault({ route: CREATE, times: 1 }, { kind: "limit", secondary: true, retryAfterSeconds: 120 });
    const id = await event();
    await is(id, "queued");
    assert.equal((await runOf(id)).kind, "limit");
    await pass(3 * MINUTE);
    await is(id, "success");
    assert.deepEqual(checks(), ["success: Success"]);
  });

  it("without an App or a permission fails the run, and says what to do", async (t) => {
    for (const [grant, remedy] of [
      [{}, /GitHub accepts checks only from a GitHub App: .* or write a status instead \(report: "status"\)/],
      [{ app: 7, permissions: { metadata: "read", checks: "read" } }, /"Checks: write"/],
    ] as const) {
      const { event, is, runOf } = await reportingService(t, { async run() {} }, { grant });
      const id = await event();
      await is(id, "failure");
      assert.match((await runOf(id)).reason, remedy);
    }
  });

  it("keeps the reason of a failed run", async (t) => {
    const { event, is, runOf, log } = await reportingService(
      t,
      {
        async run() {
          throw failed();
        },
      },
      { grant: {} },
    );
    const id = await event();
    await is(id, "failure");
    assert.match((await runOf(id)).reason, /^Reading it failed: it is bad/);
    const warned = log().find(({ msg }) => msg === "the run could not be shown on its commit");
    assert.match(String(warned?.reason), /GitHub accepts checks only from a GitHub App/);
  });

  it("of a run that has failed permanently is written by a later attempt, which fails again", async (t) => {
    const { event, is, checks, github, pass } = await reportingService(t, {
      async run() {
        throw failed();
      },
    });
    const fault = github.fault({ route: CHECKS }, { kind: "status", status: 503 });
    const id = await event();
    await is(id, "queued");
    fault.remove();
    await pass(5000);
    await is(id, "failure");
    assert.deepEqual(checks(), ["failure: Reading it failed: it is bad. Write it again."]);
  });

  it("of a run that was cancelled is retried for two minutes", async (t) => {
    const { url, event, is, checks, github, cancel, clock } = await reportingService(t, {
      async run({ sleep }) {
        await sleep("long", "1d");
      },
    });
    const id = await event();
    await is(id, "waiting");
    const fault = github.fault({ route: UPDATE }, { kind: "status", status: 502 });
    await cancel(id);
    await until("it was tried", () => fault.met >= 3);
    fault.remove();
    await until("it is tried again", async () => {
      clock.move(5000);
      // The request of the last try must arrive first. Otherwise the two minutes pass while it is on its way.
      await send(url, { path: "/health" });
      return /^cancelled/.test(checks().join());
    });
  });
});

const remarks = (count: number): Annotation[] =>
  Array.from({ length: count }, (_, at) => ({
    path: "src/a.ts",
    line: at + 1,
    message: `line ${at}`,
    level: "warning",
  }));

describe("annotations", () => {
  it("are written fifty at a time, all of them", async (t) => {
    const { event, is, shop, writes } = await reportingService(t, {
      async run({ report }) {
        report({ annotations: remarks(100) });
        report({
          annotations: [{ path: "b.ts", line: 3, endLine: 5, message: "too long", title: "Length", level: "failure" }],
        });
      },
    });
    await is(await event(), "success");
    assert.deepEqual([shop.checks.length, writes()], [1, 3]);
    const { annotations = [] } = shop.checks[0] ?? {};
    assert.equal(annotations.length, 101);
    assert.deepEqual(annotations[100], {
      ...{ path: "b.ts", start_line: 3, end_line: 5, annotation_level: "failure" },
      ...{ message: "too long", title: "Length" },
    });
  });

  it("are not written twice when an attempt is repeated, or when its second half was lost", async (t) => {
    const { event, is, shop, github, pass } = await reportingService(t, {
      async run({ report }) {
        report({ annotations: remarks(120) });
      },
    });
    github.fault({ route: UPDATE, times: 1 }, { kind: "reset", afterHandling: true });
    const id = await event();
    await is(id, "queued");
    assert.equal(shop.checks[0]?.annotations.length, 100);
    await pass(5000);
    await is(id, "success");
    assert.deepEqual([shop.checks.length, shop.checks[0]?.annotations.length], [1, 120]);
  });

  it("of another result go to another check, because none can be removed", async (t) => {
    let count = 3;
    const { event, is, shop } = await reportingService(t, {
      async run({ report }) {
        report({ annotations: remarks(count) });
      },
    });
    await is(await event(), "success");
    count = 2;
    await is(await event(pullEvent(SHA, { title: "b" })), "success");
    assert.deepEqual(
      shop.checks.map(({ annotations }) => annotations.length),
      [3, 2],
    );
  });

  it("that GitHub would reject fail the run with their position", async (t) => {
    const bad = [
      [{ path: "/etc/passwd", line: 1, message: "m", level: "notice" }, /annotation 1 of 1 .*path is "\/etc\/passwd"/],
      [{ path: "a/../../b", line: 1, message: "m", level: "notice" }, /path is/],
      [
        { path: "a.ts", line: 0, message: "m", level: "notice" },
        /line is 0 in a\.ts: it must be a whole number from 1/,
      ],
      [{ path: "a.ts", line: 4, endLine: 3, message: "m", level: "notice" }, /endLine is 3/],
      [{ path: "a.ts", line: 1, message: "", level: "notice" }, /message is ""/],
      [{ path: "a.ts", line: 1, message: "m", level: "error" }, /level is "error" .*notice, warning, failure/],
    ] as const;
    for (const [annotation, reason] of bad) {
      const { event, is, runOf } = await reportingService(t, {
        async run({ report }) {
          report({ annotations: [annotation as unknown as Annotation] });
        },
      });
      const id = await event();
      await is(id, "failure");
      assert.match((await runOf(id)).reason, reason);
    }
  });
});
