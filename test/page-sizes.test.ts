import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { describe, it, type TestContext } from "node:test";
import type { AuditEntry } from "../src/model/audit.ts";
import type { Json } from "../src/model/run.ts";
import { readConfig } from "../src/service/config/config.ts";
import { until } from "./support/clock.ts";
import { temporaryFolder } from "./support/folder.ts";
import { fillAudit, fillStore, type Moved, pastRun } from "./support/past.ts";
import { openScene, type Scene } from "./support/scene/scene.ts";
import { statesOf, statesOfOthers } from "./support/scene/states.ts";
import { notify, send, startService } from "./support/service.ts";
import { deliver, WEBHOOK_SECRET } from "./support/webhooks.ts";
import { workflowsFolder } from "./support/workflows.ts";

/** Without assets and before compression. It is read over a phone's connection, and built again for each change while it is open. */
const MAX_BYTES = 60_000;

const sizeOf = (text: string) => Buffer.byteLength(text);

/** What grows most: each character is escaped, in HTML or as an invisible one. */
const HOSTILE = ['"', "&", "<", "\u202e", "😀"].map((each) => each.repeat(2000));
const hostile = (nth: number, characters: number) =>
  [...(HOSTILE[nth % HOSTILE.length] ?? "")].slice(0, characters).join("");

const WORKFLOWS = 40;
/** Twice per hour, and 15 minutes from now: a start within the test would be on its pages. */
const MINUTES = [15, 45].map((minutes) => (new Date().getMinutes() + minutes) % 60).join(",");
const names = Array.from({ length: WORKFLOWS }, (_, nth) => `${"long-name-of-a-workflow-".repeat(2)}${nth}`);
const FILES = Object.fromEntries(
  names.map((name, nth) => [
    `${name}.ts`,
    `import { defineWorkflow } from "gh-runner";
export default defineWorkflow({
  name: "${name}",
  on: { schedule: { cron: "${MINUTES} * * * *" }, manual: true, http: { path: "/hook/${nth}", body: { safeParse: (data) => ({ success: true, data }) } },
    github: [{ events: ["pull_request", "push"], branches: ["main", "release/**"], paths: ["src/**", "docs/**"] }, { events: ["check_run"], actions: ["completed"] }] },
  async run() {},
});`,
  ]),
);

/** As many runs as the pages show of each kind, with the longest possible texts. */
function worstRuns(now: number): Moved[] {
  const statuses = ["failure", "success", "cancelled", "skipped"] as const;
  return Array.from({ length: WORKFLOWS * 35 }, (_, nth) => {
    const status = statuses[nth % 4] ?? "failure";
    return pastRun({
      ...{
        id: randomUUID(),
        workflow: names[nth % WORKFLOWS] ?? "",
        at: now - (WORKFLOWS * 35 - nth) * 30_000,
        status,
      },
      ...{ group: hostile(nth, 253), title: hostile(nth + 1, 200), actor: `token ${hostile(nth, 60)}` },
      reason: status === "success" ? undefined : `${hostile(nth, 60)} failed: ${hostile(nth + 2, 1900)}`,
      outputs: status === "success" ? { commitHash: "a".repeat(40), text: hostile(nth, 2000) } : undefined,
    });
  });
}

const ID = randomUUID();

/** A run with more attempts, steps, lines, and longer texts than any page can show. */
function worstRun(now: number, workflow: string): Moved {
  const at = now - 3_600_000;
  const input = {
    name: "push",
    payload: Array.from({ length: 200 }, (_, nth) => ({ text: hostile(nth, 200) })),
  } as Json;
  const attempts = Array.from({ length: 120 }, (_, nth) => ({
    ...{
      number: nth + 1,
      startedAt: at + nth * 20_000,
      endedAt: at + nth * 20_000 + 9000,
      outcome: "failure",
      kind: "transient",
    },
    ...{ reason: `${hostile(nth, 60)} failed: ${hostile(nth, 1900)}`, stack: hostile(nth, 2000), code: "c".repeat(12) },
    ...{ githubRequestId: "ABCD:1234" },
  }));
  const more = {
    attempts,
    begun: 120,
    steps: Array.from({ length: 400 }, (_, nth) => ({
      ...{ name: hostile(nth, 100), attempt: 1 + (nth % 120), startedAt: at + nth, endedAt: at + nth + 5 },
      ...(nth % 2 ? { error: hostile(nth, 2000) } : { result: { text: hostile(nth, 2000) } }),
    })),
    lines: Array.from({ length: 5 * 200 }, (_, nth) => ({
      ...{
        attempt: 116 + Math.floor(nth / 200),
        number: 1 + (nth % 200),
        at: at + nth,
        level: nth % 3 ? "info" : "error",
      },
      ...{ message: hostile(nth, 2000), facts: { [hostile(nth, 40)]: hostile(nth, 500) } },
    })),
  };
  const names = new Set<string>();
  const steps = more.steps.filter(
    ({ name }, nth) => !names.has(`${name}${nth % 120}`) && names.add(`${name}${nth % 120}`),
  );
  return pastRun({
    ...{ id: ID, workflow, at, status: "failure", group: hostile(0, 253), title: hostile(1, 200), input },
    ...{ reason: `${hostile(0, 60)} failed: ${hostile(3, 1900)}`, outputs: { text: hostile(0, 2000) } },
    more: { ...more, steps },
  });
}

describe("the size of pages", () => {
  it(`is up to ${MAX_BYTES} bytes in every state of a usual service`, async (t) => {
    const scene: Scene = await openScene(t);
    const sizes: Record<string, number> = {};
    for (const { name, at } of statesOf(scene)) {
      const { pathname, search } = new URL(at, scene.url);
      const { text } = await scene.asAlice("GET", pathname + search);
      sizes[name] = sizeOf(text);
    }
    for (const { token, states } of statesOfOthers(scene)) {
      for (const { name, at: path } of states)
        sizes[name] = sizeOf((await send(scene.url, { path, headers: { authorization: `Bearer ${token}` } })).text);
    }
    t.diagnostic(
      Object.entries(sizes)
        .map(([name, size]) => `${name} ${size}`)
        .join(", "),
    );
    assert.deepEqual(
      Object.entries(sizes).filter(([, size]) => size > MAX_BYTES),
      [],
    );
  });

  it(`is up to ${MAX_BYTES} bytes with the longest names, texts, logs, and many workflows`, async (t) => {
    const url = await startWorst(t);
    const sizes: Record<string, number> = {};
    const paths = [
      "/",
      "/?status=failure",
      "/?text=a",
      "/workflows",
      `/workflows/${names[0]}`,
      "/previews",
      "/events",
      "/?text=acme",
      "/bulk/rerun?status=failure",
      "/audit",
      "/audit?verify=yes",
      `/runs/${ID}`,
      `/runs/${ID}/attempts/120`,
      `/runs/${ID}/log`,
    ];
    for (const path of paths) {
      const { text, status } = await send(url, { path });
      assert.ok(status < 500, `${path} is answered ${status}`);
      sizes[path] = sizeOf(text);
    }
    t.diagnostic(
      Object.entries(sizes)
        .map(([name, size]) => `${name} ${size}`)
        .join(", "),
    );
    assert.deepEqual(
      Object.entries(sizes).filter(([, size]) => size > MAX_BYTES),
      [],
    );
  });
});

async function startWorst(t: TestContext): Promise<string> {
  const DATA_DIR = temporaryFolder(t);
  const now = Date.now();
  const { store } = readConfig({ DATA_DIR, GITHUB_TOKEN: "unused" });
  await fillStore(store, [...worstRuns(now), worstRun(now, names[0] ?? "")]);
  await fillAudit(store, worstRecords(now));
  const settings = { DATA_DIR, GITHUB_WEBHOOK_SECRET: WEBHOOK_SECRET, WORKFLOWS_DIR: workflowsFolder(t, FILES) };
  const { url } = await startService(t, { settings, options: { serverLimits: { drainMs: 200 } } });
  await sendWorst(url);
  return url;
}

/** A page of audit records with the longest possible texts. */
const worstRecords = (now: number): AuditEntry[] =>
  Array.from({ length: 60 }, (_, nth) => ({
    ...{ at: now - nth, actor: `token ${hostile(nth, 290)}`, role: "operator", via: "github_signature" },
    ...{ address: hostile(nth + 1, 300), action: "sign-out-everywhere", outcome: "rejected", times: 1_000_000 },
    ...{ run: ID, workflow: names[nth % WORKFLOWS], details: hostile(nth + 2, 300) },
  }));

const EVENTS = 60;

/** Fills a page with webhooks that no workflow handles, and one with rejected requests. */
async function sendWorst(url: string): Promise<void> {
  for (let nth = 0; nth < EVENTS; nth++) {
    const [long, short] = [hostile(nth, 250), hostile(nth, 90)];
    const repository = { full_name: `acme/${short}${nth}` };
    const pull = { number: nth, title: long, head: { ref: long, sha: long }, base: { ref: long } };
    await deliver(url, "pull_request", {
      action: long,
      number: nth,
      repository,
      sender: { login: short },
      pull_request: pull,
    });
    await notify(url, { application: `pr-/${long}${nth}` });
  }
  await until("events and rejected requests are noted", async () => {
    const { events, rejected } = (await send(url, { path: "/api/events" })).json;
    const times = rejected.reduce((sum: number, each: { times: number }) => sum + each.times, 0);
    return times === EVENTS && events[0]?.repository?.endsWith(`${EVENTS - 1}`);
  });
}
