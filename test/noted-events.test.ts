import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { describe, it, type TestContext } from "node:test";
import { defineWorkflow, type Workflow } from "gh-runner";
import * as z from "zod";
import { notedEvents } from "../src/http/noted-events.ts";
import type { EventNotes, IgnoredEvent } from "../src/model/events.ts";
import { StoreUnavailable } from "../src/model/store.ts";
import { knownSecrets } from "../src/observe/secrets.ts";
import { movedClock, until } from "./support/clock.ts";
import { deploy, notify, send, startService, TOKEN } from "./support/service.ts";
import { deliver, payloadOf, WEBHOOK_SECRET } from "./support/webhooks.ts";

type Notes = Parameters<EventNotes["note"]>[0];

const SOURCE = { kind: "http", name: "/dispatch", actor: "token argocd" } as const;
const EVENT = { source: "github", event: "push", woken: 0, answer: "No workflow handles it.", reasons: [] } as const;

describe("noted events", () => {
  it("cost the store one write per second for any number of events, and a flood is limited", async () => {
    const clock = movedClock();
    const writes: Notes[] = [];
    const noted = notedEvents(async (notes) => void writes.push(notes), clock, knownSecrets([]));
    const began = clock.now();
    for (let n = 0; n < 1000; n++) {
      noted.heard(SOURCE);
      noted.ignored(EVENT);
    }
    await until("the first are written", () => writes.length === 1);
    for (let n = 0; n < 10; n++) noted.heard({ ...SOURCE, name: `/${n % 2}` });
    clock.move(999);
    assert.equal(writes.length, 1);
    clock.move(1);
    await until("the others are written", () => writes.length === 2);
    const [first, second] = writes as [Notes, Notes];
    const heard = { ...SOURCE, firstAt: began, lastAt: began, times: 1000 };
    assert.deepEqual([first.since, first.heard], [began, [heard]]);
    assert.equal(first.ignored.length, 501);
    assert.match(first.ignored.at(-1)?.answer ?? "", /^500 more events started no run/);
    assert.deepEqual(
      second.heard.map(({ name, times }) => [name, times]),
      [
        ["/0", 5],
        ["/1", 5],
      ],
    );
    noted.heard(SOURCE);
    await noted.close();
    assert.equal(writes.length, 3);
    assert.equal(clock.next(), undefined, "nothing is left to ring");
  });

  it("are kept while the store is unavailable, and written when it is back", async () => {
    const clock = movedClock();
    const written: Notes[] = [];
    let [available, asked] = [false, 0];
    const noted = notedEvents(
      async (notes) => {
        asked++;
        if (!available) throw new StoreUnavailable("the database is away");
        written.push(notes);
      },
      clock,
      knownSecrets([]),
    );
    const first = clock.now();
    for (let n = 0; n < 501; n++) noted.ignored({ ...EVENT, subject: String(n) });
    noted.heard(SOURCE);
    await until("it was tried", () => asked === 1 && clock.next() !== undefined);
    clock.move(500);
    noted.heard(SOURCE);
    noted.ignored({ ...EVENT, subject: "late" });
    available = true;
    clock.move(500);
    await until("they are written", () => written.length === 1);
    assert.deepEqual(written[0]?.heard, [{ ...SOURCE, firstAt: first, lastAt: first + 500, times: 2 }]);
    const subjects = written[0]?.ignored.map(({ subject, answer }) => subject ?? answer) ?? [];
    assert.deepEqual([subjects[0], subjects[499], subjects.length], ["0", "499", 501]);
    assert.match(subjects[500] ?? "", /^2 more events/);
  });

  it("have no tokens and are short, and of many workflows only the closest matches give a reason", async () => {
    const clock = movedClock();
    const written: IgnoredEvent[] = [];
    const noted = notedEvents(async ({ ignored }) => void written.push(...ignored), clock, knownSecrets([TOKEN]));
    const others = Array.from({ length: 50 }, (_, at) => ({
      workflow: `w${at}`,
      reason: "is for push, not for issues",
    }));
    const near = { workflow: "near", reason: `wants the branch ${TOKEN}, this is x` };
    noted.ignored({ ...EVENT, ref: `${"x".repeat(290)}${TOKEN}`, reasons: [...others, near] });
    await noted.close();
    const [event] = written;
    assert.doesNotMatch(JSON.stringify(written), new RegExp(TOKEN.slice(0, 8)));
    assert.equal(event?.reasons.length, 20);
    assert.equal(event?.reasons[0]?.workflow, "near");
    assert.ok((event?.ref?.length ?? 0) <= 301);
  });
});

const FLUX_KEY = "the key of Flux's secret";

const welcome = defineWorkflow({
  name: "welcome",
  on: { github: { events: "issues", actions: ["reopened"] } },
  async run() {},
});
const throwing = defineWorkflow({
  name: "throwing",
  on: {
    github: {
      events: "push",
      filter: () => {
        throw new TypeError(`no ${TOKEN}`);
      },
    },
  },
  async run() {},
});
const pushes = defineWorkflow({
  name: "pushes",
  on: { github: { events: "push", branches: "no-such" } },
  async run() {},
});
const deployed = defineWorkflow({
  name: "deployed",
  on: { flux: { path: "/flux", filter: ({ severity }) => severity === "error" } },
  async run() {},
});
const hook = defineWorkflow({
  name: "hook",
  on: { http: { path: "/hook", body: z.object({ application: z.string() }), tokenField: "token" } },
  async run() {},
});

async function scene(t: TestContext, workflows: readonly Workflow[]) {
  const clock = movedClock();
  const service = await startService(t, {
    settings: { GITHUB_WEBHOOK_SECRET: WEBHOOK_SECRET, FLUX_HMAC_KEY: FLUX_KEY, GITHUB_WEBHOOK_OF: "off" },
    options: { clock, workflows: workflows.map((workflow) => ({ workflow, file: `${workflow.name}.ts` })) },
  });
  const { events } = service.app.engine.store;
  const ignored = async (count: number) => {
    await until("events are stored", async () => {
      clock.move(1000);
      return (await events.ignored({}, { limit: 100 })).events.length >= count;
    });
    return (await events.ignored({}, { limit: 100 })).events;
  };
  return { ...service, clock, events, ignored };
}

describe("an event that starts no run", () => {
  it("of GitHub is stored with the reason of each workflow, and without its payload", async (t) => {
    const { url, app, ignored, events } = await scene(t, [welcome, pushes]);
    const payload = payloadOf("issues", "opened") as { repository: { full_name: string }; sender: { login: string } };
    const answer = await deliver(url, "issues", { ...payload, secret: "hidden" }, { delivery: "d-1" });
    assert.equal(answer.json.status, "ignored");
    const [event] = await ignored(1);
    const { full_name: repository } = payload.repository;
    assert.deepEqual(
      { ...event, at: 0 },
      {
        ...{ at: 0, source: "github", event: "issues.opened", repository, number: 1, delivery: "d-1", woken: 0 },
        ...{ sender: payload.sender.login, answer: "No workflow handles it." },
        reasons: [
          { workflow: "welcome", reason: "wants reopened, this is opened" },
          { workflow: "pushes", reason: "is for push, not for issues" },
        ],
      },
    );
    const { sources } = await events.heard();
    assert.deepEqual(
      sources.map(({ kind, name, times }) => [kind, name, times]),
      [["github", repository.toLowerCase(), 1]],
    );
    assert.match((await send(url, { path: "/metrics" })).text, /rejected_requests_total\{status="200"\} 1/);
    assert.deepEqual(await app.engine.store.overview.rejected(), []);
  });

  it("because a workflow threw is stored with the error, without tokens", async (t) => {
    const { url, ignored } = await scene(t, [throwing]);
    assert.equal((await deliver(url, "push", payloadOf("push"))).status, 500);
    const [event] = await ignored(1);
    assert.equal(event?.answer, "A workflow threw an error when it checked the event.");
    assert.match(event?.reasons[0]?.reason ?? "", /^threw an error when it checked the event: no /);
    assert.doesNotMatch(JSON.stringify(event), new RegExp(TOKEN.slice(0, 8)));
  });

  it("is not stored when a workflow handles it, or when it has no valid signature", async (t) => {
    const { url, events, clock } = await scene(t, [welcome]);
    assert.equal((await deliver(url, "issues", payloadOf("issues", "reopened"))).status, 202);
    assert.equal((await deliver(url, "issues", payloadOf("issues", "opened"), { secret: "wrong" })).status, 401);
    await until("it was heard", async () => {
      clock.move(1000);
      return (await events.heard()).sources.length > 0;
    });
    assert.deepEqual(
      (await events.heard()).sources.map(({ times }) => times),
      [1],
    );
    assert.deepEqual((await events.ignored({}, { limit: 5 })).events, []);
  });

  it("of Flux is stored with its object when the filter rejects it", async (t) => {
    const { url, ignored, events } = await scene(t, [deployed]);
    const body = JSON.stringify({
      involvedObject: { kind: "Kustomization", namespace: "apps", name: "pr-1234", uid: "u" },
      ...{ severity: "info", timestamp: "2026-11-24T12:00:00Z", reason: "ReconciliationSucceeded" },
      metadata: { revision: `main@sha1:${"5b".repeat(20)}` },
    });
    const signature = `sha256=${createHmac("sha256", FLUX_KEY).update(body).digest("hex")}`;
    await send(url, { method: "POST", path: "/flux", body, headers: { "x-signature": signature } });
    const [event] = await ignored(1);
    assert.deepEqual(
      [event?.source, event?.event, event?.subject, event?.sha, event?.reasons],
      [
        ...["flux", "Kustomization.ReconciliationSucceeded", "apps/pr-1234", "5b".repeat(20)],
        [{ workflow: "deployed", reason: "its filter returned false" }],
      ],
    );
    assert.deepEqual(
      (await events.heard()).sources.map(({ kind, name }) => [kind, name]),
      [["flux", "/flux"]],
    );
  });

  it("with a token for a paused workflow is stored, because it could not wait", async (t) => {
    const { url, ignored } = await scene(t, [hook]);
    await send(url, { method: "POST", path: "/api/workflows/hook/pause" });
    const body = JSON.stringify({ application: "pr-1", token: "ghp_callersToken0123456789abcdefABCDEF" });
    assert.equal((await send(url, { method: "POST", path: "/hook", body })).status, 503);
    const [event] = await ignored(1);
    assert.deepEqual([event?.source, event?.event, event?.subject], ["http", "/hook", "pr-1"]);
    assert.match(event?.answer ?? "", /^The workflow hook is paused|hook is paused/);
  });

  it("causes no write per request: callers are written once per second", async (t) => {
    const { url, github, events, clock } = await scene(t, []);
    deploy(github, "pr-1", "abc");
    let writes = 0;
    const { note } = events;
    Object.assign(events, {
      note(notes: Notes) {
        writes++;
        return note(notes);
      },
    });
    for (let n = 0; n < 20; n++) await notify(url, { application: "main" });
    await until("all are counted", async () => {
      clock.move(1000);
      return (await events.heard()).sources[0]?.times === 20;
    });
    assert.ok(writes <= 2, `${writes} writes for 20 requests`);
  });
});
