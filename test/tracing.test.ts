import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import type { Run } from "../src/model/run.ts";
import { openTracing, parseTraceparent, traceNote, traceOf } from "../src/observe/tracing.ts";
import { movedClock, until } from "./support/clock.ts";
import { temporaryFolder } from "./support/folder.ts";
import { eventually, fixedPort, listening, spawnService } from "./support/process.ts";
import { type Receiver, startReceiver } from "./support/receiver.ts";
import { deploy, notify, send, startService, TOKEN } from "./support/service.ts";
import { httpWorkflow, workflowsFolder } from "./support/workflows.ts";

const CALLER = { traceId: "4bf92f3577b34da6a3ce929d0e0e4736", spanId: "00f067aa0ba902b7" };
const traceparent = `00-${CALLER.traceId}-${CALLER.spanId}-01`;
const HEADER_SECRET = "collector-key-0123456789";

type Attribute = { key: string; value: { stringValue?: string; intValue?: number } };
type SpanSent = {
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  name: string;
  kind: number;
  startTimeUnixNano: string;
  endTimeUnixNano: string;
  attributes: Attribute[];
  status: { code?: number; message?: string };
};

/** Every span that a collector received, from OTLP's JSON. */
function spansAt({ received }: Receiver): SpanSent[] {
  return received.flatMap(({ body }) =>
    JSON.parse(body).resourceSpans.flatMap((resource: { scopeSpans: { spans: SpanSent[] }[] }) =>
      resource.scopeSpans.flatMap(({ spans }) => spans),
    ),
  );
}

const attribute = (span: SpanSent, name: string) => {
  const value = span.attributes.find(({ key }) => key === name)?.value;
  return value?.stringValue ?? value?.intValue;
};

function childrenOf(spans: readonly SpanSent[], parent: SpanSent | undefined): SpanSent[] {
  return spans.filter(({ parentSpanId }) => parentSpanId === parent?.spanId);
}

async function traced(t: TestContext, settings: Record<string, string> = {}, options = {}) {
  const collector = await startReceiver(t);
  const service = await startService(t, {
    settings: {
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_EXPORTER_OTLP_HEADERS: `x-key=${HEADER_SECRET}`,
      ...settings,
    },
    options,
  });
  return { ...service, collector };
}

describe("a trace", () => {
  it("shows one dispatch as a chain: caller, request, run, attempt, requests to GitHub", async (t) => {
    const { github, url, app, collector } = await traced(t);
    deploy(github, "pr-1", "abc");
    const answer = await notify(url, { application: "pr-1" }, { traceparent });
    assert.equal(answer.status, 200);
    await app.close();
    const [first] = collector.received;
    assert.equal(first?.path, "/v1/traces");
    assert.equal(first?.headers["x-key"], HEADER_SECRET);
    assert.match(first?.body ?? "", /"service\.name","value":\{"stringValue":"gh-runner"/);

    const spans = spansAt(collector);
    assert.ok(spans.every(({ traceId }) => traceId === CALLER.traceId));
    const inbound = spans.find(({ parentSpanId }) => parentSpanId === CALLER.spanId)!;
    assert.equal(inbound.name, "POST /dispatch");
    assert.equal(attribute(inbound, "http.response.status_code"), 200);
    assert.equal(attribute(inbound, "gh_runner.run"), answer.headers["x-run-id"]);
    const [run, ...moreRuns] = childrenOf(spans, inbound);
    assert.equal(run?.name, "run environment-ready");
    assert.equal(attribute(run!, "gh_runner.status"), "success");
    assert.deepEqual(moreRuns, []);
    const [attempt, ...moreAttempts] = childrenOf(spans, run);
    assert.equal(attempt?.name, "attempt");
    assert.deepEqual(moreAttempts, []);
    const requests = childrenOf(spans, attempt);
    assert.deepEqual(requests.map(({ name }) => name).sort(), [
      "GET /repos/{owner}/{repo}/contents/{path}",
      "GET /repos/{owner}/{repo}/contents/{path}",
      "POST /repos/{owner}/{repo}/dispatches",
    ]);
    assert.equal(spans.length, 6);
    for (const span of spans) {
      assert.ok(BigInt(span.startTimeUnixNano) <= BigInt(span.endTimeUnixNano), span.name);
      assert.notEqual(span.status.code, 2, span.name);
    }
    assert.ok(!JSON.stringify(collector.received.map(({ body }) => body)).includes(TOKEN));
  });

  it("is in the log record of each attempt, and in what the workflow logs", async (t) => {
    const folder = workflowsFolder(t, {
      "talks.ts": httpWorkflow("talks", "await step('one', async () => log.info('from the workflow')); return {};"),
    });
    const { url, app, collector, log } = await traced(t, { WORKFLOWS_DIR: folder });
    const answer = await send(url, { method: "POST", path: "/talks", body: "{}", headers: { traceparent } });
    assert.equal(answer.status, 200, answer.text);
    await app.close();
    const attempt = spansAt(collector).find(({ name }) => name === "attempt");
    assert.equal(attempt?.traceId, CALLER.traceId);
    const named = log().filter(({ run }) => run === answer.headers["x-run-id"]);
    assert.deepEqual(
      named.map(({ msg, trace_id, span_id }) => [msg, trace_id, span_id]),
      ["from the workflow", "run succeeded"].map((msg) => [msg, CALLER.traceId, attempt.spanId]),
    );
  });

  it("continues in later attempts, and a re-run begins a new one", async (t) => {
    const clock = movedClock();
    const { github, url, app, collector } = await traced(t, {}, { clock, random: () => 0 });
    deploy(github, "pr-1", "abc");
    const outage = github.fault({}, { kind: "status", status: 502 });
    const { headers } = await notify(url, { application: "pr-1" }, { traceparent });
    outage.remove();
    clock.move(5000);
    await until("it is dispatched", () => github.dispatches.length === 1);
    const show = async () => (await send(url, { path: `/api/runs/${headers["x-run-id"]}` })).json.status;
    await until("it has ended", async () => (await show()) === "success");
    await send(url, { method: "POST", path: `/api/runs/${headers["x-run-id"]}/rerun` });
    await until("it is dispatched again", () => github.dispatches.length === 2);
    await until("it has ended again", async () => (await show()) === "success");
    await app.close();
    const spans = spansAt(collector);
    const [first, second] = Map.groupBy(spans, ({ traceId }) => traceId).values();
    const run = first?.find(({ name }) => name.startsWith("run "));
    const attempts = childrenOf(first ?? [], run);
    assert.deepEqual(attempts.map((each) => attribute(each, "gh_runner.outcome")).sort(), ["success", "transient"]);
    assert.ok(attempts.some(({ status }) => status.code === 2 && /502/.test(status.message ?? "")));
    const rerun = second?.find(({ name }) => name === "POST /api/runs/:id/rerun");
    const [again] = childrenOf(second ?? [], rerun);
    assert.equal(again?.name, "run environment-ready");
    assert.equal(childrenOf(second ?? [], again).length, 1);
    assert.equal(new Set(spans.map(({ spanId }) => spanId)).size, spans.length);
  });

  it("survives the process: an attempt after the restart is part of the caller's trace", async (t) => {
    const collector = await startReceiver(t);
    const { github } = await startService(t);
    deploy(github, "pr-1", "abc");
    const outage = github.fault({}, { kind: "status", status: 502 });
    const port = await fixedPort();
    const dataDir = temporaryFolder(t);
    const start = async () => {
      const settings = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, LOG_LEVEL: "info" };
      const service = spawnService(t, { port, dataDir, githubUrl: github.url, settings });
      await listening(service, port);
      return service;
    };
    const before = await start();
    const url = `http://127.0.0.1:${port}`;
    assert.equal((await notify(url, { application: "pr-1" }, { traceparent })).status, 500);
    before.stop();
    await before.ended;
    outage.remove();
    const after = await start();
    await eventually("it is dispatched", 60_000, () => github.dispatches.length === 1);
    after.stop();
    await after.ended;
    const spans = spansAt(collector).filter(({ traceId }) => traceId === CALLER.traceId);
    const run = spans.find(({ name }) => name.startsWith("run "));
    const attempts = childrenOf(spans, run);
    assert.equal(attempts.length, 2);
    const recorded = [before, after].map(
      (service) => /"run":.*"trace_id":"(\w+)","span_id":"(\w+)"/.exec(service.output())?.slice(1) ?? [],
    );
    assert.deepEqual(
      recorded,
      attempts.map(({ traceId, spanId }) => [traceId, spanId]),
    );
    assert.equal(
      childrenOf(
        spans,
        spans.find(({ name }) => name === "POST /dispatch"),
      ).length,
      1,
    );
  });

  it("does not begin if the caller opts out, and a broken traceparent is ignored", async (t) => {
    const { github, url, app, collector } = await traced(t);
    deploy(github, "pr-1", "abc");
    await notify(url, { application: "pr-1" }, { traceparent: traceparent.replace(/01$/, "00") });
    const broken = `00-${"0".repeat(32)}-${CALLER.spanId}-01`;
    assert.equal((await notify(url, { application: "pr-1" }, { traceparent: broken })).status, 200);
    await app.close();
    const traces = new Set(spansAt(collector).map(({ traceId }) => traceId));
    assert.equal(traces.size, 1);
    assert.ok(!traces.has(CALLER.traceId) && !traces.has("0".repeat(32)));
  });

  it("that cannot be exported disturbs nothing, and is logged once", async (t) => {
    const { github, url, app, collector, log, logLines } = await traced(t);
    collector.status = 400;
    deploy(github, "pr-1", "abc");
    for (let at = 0; at < 3; at++) assert.equal((await notify(url, { application: "pr-1" })).status, 200);
    await app.close();
    assert.equal(log().filter(({ msg }) => String(msg).startsWith("traces cannot be exported")).length, 1);
    assert.ok(!logLines.join("").includes(HEADER_SECRET));
  });

  it("has a span for each step, which contains its requests to GitHub", async (t) => {
    const collector = await startReceiver(t);
    const { observer, close } = openTracing(
      {
        endpoint: collector.url,
        headers: {},
        serviceName: "test",
        version: "1.2.3",
        onExport: (error) => assert.ifError(error),
      },
      {
        store: { get: async () => undefined },
        scrub: (text) => text.replace("secret", "***"),
        now: Date.now,
      },
    );
    const run = { id: "run-1", workflow: "w", acceptedAt: 1 } as Run;
    const claim = { run, attempt: 1, owner: "test", steps: [] };
    const ask = async () => observer.request?.("GET /user", async () => ({ status: 200 }));
    const attempt = observer.attempt?.(claim, async () => {
      await Promise.all([observer.step?.("one", ask), observer.step?.("two with a secret", ask)]);
      return observer.step?.("three", () => Promise.reject(new Error("a secret went wrong"))) as never;
    });
    await assert.rejects(async () => attempt, /a secret went wrong/);
    await close();
    const spans = spansAt(collector);
    const [whole] = spans.filter(({ name }) => name === "attempt");
    const steps = childrenOf(spans, whole);
    assert.deepEqual(steps.map(({ name }) => name).sort(), ["step one", "step three", "step two with a ***"]);
    for (const step of steps.filter(({ name }) => name !== "step three")) {
      assert.deepEqual(
        childrenOf(spans, step).map(({ name }) => name),
        ["GET /user"],
      );
    }
    assert.equal(steps.find(({ name }) => name === "step three")?.status.message, "a *** went wrong");
  });

  it("is stored with the run in a form that can be read again", () => {
    const run = { id: "run-1", acceptedAt: 7 };
    const withoutCaller = traceOf(run);
    assert.equal(withoutCaller.parent, undefined);
    assert.equal(withoutCaller.since, 7);
    const caller = parseTraceparent(traceparent)!;
    const kept = traceOf({ ...run, trace: traceNote(caller, 9) });
    assert.deepEqual(kept.parent, caller);
    assert.equal(kept.since, 9);
    assert.deepEqual(kept, traceOf({ ...run, trace: traceNote(caller, 9) }));
    assert.notEqual(kept.span.spanId, withoutCaller.span.spanId);
    for (const header of [undefined, "", "x", traceparent.replace("00-", "ff-"), traceparent.toUpperCase()]) {
      assert.equal(parseTraceparent(header), undefined, String(header));
    }
  });
});

describe("without a collector", () => {
  it("no log record names a trace", async (t) => {
    const { github, url, logLines } = await startService(t);
    deploy(github, "pr-1", "abc");
    assert.equal((await notify(url, { application: "pr-1" }, { traceparent })).status, 200);
    assert.ok(logLines.some((line) => line.includes("run succeeded")));
    assert.doesNotMatch(logLines.join(""), /trace_id|span_id/);
  });

  it("no tracing library is loaded", async (t) => {
    const { github } = await startService(t);
    deploy(github, "pr-1", "abc");
    const port = await fixedPort();
    const service = spawnService(t, {
      port,
      dataDir: temporaryFolder(t),
      githubUrl: github.url,
      command: ["--import", `data:text/javascript,${encodeURIComponent(REPORT_MODULES)}`, "src/main.ts", "serve"],
    });
    await listening(service, port);
    assert.equal((await notify(`http://127.0.0.1:${port}`, { application: "pr-1" })).status, 200);
    service.stop();
    await service.ended;
    assert.match(service.output(), /loaded hono/);
    assert.doesNotMatch(service.output(), /loaded @opentelemetry\/(?!api)/);
  });
});

/** Prints each package the first time that a module of it is loaded. */
const REPORT_MODULES = `
  import { registerHooks } from "node:module";
  const seen = new Set();
  registerHooks({ load(url, context, next) {
    const name = /node_modules\\/((?:@[^/]+\\/)?[^/]+)/.exec(url)?.[1];
    if (name && !seen.has(name)) { seen.add(name); process.stderr.write("loaded " + name + "\\n"); }
    return next(url, context);
  } });
`;
