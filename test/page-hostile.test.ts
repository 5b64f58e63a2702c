import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { describe, it, type TestContext } from "node:test";
import type { Json } from "../src/model/run.ts";
import { readConfig } from "../src/service/config/config.ts";
import { temporaryFolder } from "./support/folder.ts";
import { fillAudit, fillStore, pastRun } from "./support/past.ts";
import { type HttpAnswer, notify, send, startService, TOKEN } from "./support/service.ts";
import { walk } from "./support/walk.ts";
import { deliver, payloadOf, WEBHOOK_SECRET } from "./support/webhooks.ts";
import { workflowsFolder } from "./support/workflows.ts";

/** Closes the element around it, reverses the text around it, and would be an element if it were not text. */
const MARKUP = `'"--></title></script><x-hostile onmouseover=alert(1)>&lt;x-hostile&gt;\u202e\u2066\u0007`;
/** Has the shape of a token, so it must not be kept anywhere. */
const MISPLACED = `ghp_${"q".repeat(36)}`;

const TEXTS = [
  MARKUP,
  `${MISPLACED} status:failure`,
  TOKEN,
  `since:${TOKEN} ${TOKEN}:x`,
  "a:b c:d ".repeat(100),
  `"${MARKUP}`,
  `repo:${MARKUP}`,
  "repo:",
  'workflow:"',
  "status:nonsense since:tomorrow until:1e999 pull:99999999999999999999",
  "since:-5h until:2026-99-99",
  `#${"9".repeat(60)}`,
  "commit:' OR 1=1 --",
  '" OR NEAR(a, b) AND * ^ col:x',
  "%_%\\%",
  "\u0000\ud800",
  "a",
  `${"x".repeat(60)} ${"y ".repeat(2000)}`,
  "\n\t ",
  "$(reboot) `reboot` ; reboot",
  "__proto__:x constructor:y",
  "😀".repeat(300),
];

describe("any text in names, logs, outputs and events", () => {
  it("stays text on every page, with any search, and reveals no token", async (t) => {
    const { url, logLines } = await hostileService(t);
    const get = async (path: string) => {
      const answer = await send(url, { path, headers: { accept: "text/html" } });
      judge(path, answer);
      return { status: answer.status, type: String(answer.headers["content-type"]), text: answer.text };
    };
    const walked = await walk({ get, from: ["/"], most: 300 });
    t.diagnostic(`${walked.length} pages`);
    assert.ok(walked.length > 20);
    assert.ok(walked.some(({ path, text }) => path === "/audit" && text.includes("x-hostile")));
    assert.deepEqual(
      walked.filter(({ status }) => status !== 200).map(({ path, status }) => [path, status]),
      [],
    );

    const fields = [
      "text",
      "application",
      "workflow",
      "status",
      "since",
      "until",
      "group",
      "before",
      "cursor",
      "next",
      "actor",
      "run",
      "action",
    ];
    const paths = ["/", "/events", "/previews", "/bulk/rerun", "/bulk/cancel", "/sign-in", "/workflows", "/audit"];
    const apis = ["/api/runs", "/api/why", "/api/events", "/api/previews", "/api/workflows", "/api/audit"];
    for (const [at, text] of TEXTS.entries()) {
      const value = encodeURIComponent(text.toWellFormed());
      for (const path of [...paths, ...apis]) {
        for (const field of at === 0 ? fields : ["text"]) await get(`${path}?${field}=${value}`);
      }
      for (const path of [`/runs/${value}`, `/workflows/${value}`, `/workflows/${value}/start`, `/api/runs/${value}`]) {
        await get(path);
      }
    }
    const errors = logLines.filter((line) => line.includes('"level":"error"') && !line.includes('"msg":"run failed"'));
    assert.deepEqual(errors, []);
    assert.ok(!logLines.some((line) => line.includes(MISPLACED) || line.includes(TOKEN)));
  });
});

/** A service whose history, events and rejected requests contain it. */
async function hostileService(t: TestContext) {
  const DATA_DIR = temporaryFolder(t);
  const now = Date.now();
  const statuses = ["failure", "success", "skipped", "cancelled"] as const;
  const runs = Array.from({ length: 12 }, (_, nth) => {
    const payload = { action: MARKUP, sender: { login: MARKUP }, repository: { full_name: MARKUP }, ref: MARKUP };
    return pastRun({
      ...{
        id: randomUUID(),
        workflow: nth % 2 ? "takes" : "gone",
        at: now - nth * 60_000,
        status: statuses[nth % 4] ?? "failure",
      },
      ...{
        group: MARKUP,
        title: `title ${MARKUP}`,
        actor: MARKUP,
        trigger: "github",
        reason: `${MARKUP} failed: ${MARKUP}`,
      },
      ...{ input: { name: MARKUP, payload } as Json, outputs: { [MARKUP]: MARKUP, commitHash: MARKUP }, code: MARKUP },
      steps: [
        { name: MARKUP, result: { [MARKUP]: MARKUP } },
        { name: `${MARKUP}2`, error: MARKUP },
      ],
      lines: [
        { level: "info", message: MARKUP, facts: { [MARKUP]: MARKUP } },
        { level: "error", message: `<script>alert(1)</script>${MARKUP}` },
      ],
    });
  });
  const { store } = readConfig({ DATA_DIR, GITHUB_TOKEN: "unused" });
  await fillStore(store, runs);
  const who = { actor: MARKUP, address: MARKUP, details: `GET /${MARKUP}: 403 ${MARKUP}` };
  await fillAudit(store, [
    { ...who, at: now, action: "request", outcome: "rejected", workflow: MARKUP, times: 7 },
    { ...who, at: now, action: "started", run: String(runs[0]?.id) },
  ]);
  const service = await startService(t, {
    settings: {
      DATA_DIR,
      GITHUB_WEBHOOK_SECRET: WEBHOOK_SECRET,
      WORKFLOWS_DIR: workflowsFolder(t, { "takes.js": TAKES }),
    },
    options: { serverLimits: { drainMs: 200 } },
  });
  const { url } = service;
  for (const application of [MARKUP, `pr-${MARKUP.replaceAll(/[/\\\u0007]/g, "")}`, `pr-${MISPLACED}`]) {
    await notify(url, { application });
  }
  await notify(url, { [MARKUP]: MARKUP });
  await notify(url, { application: "pr-x" }, { authorization: `Bearer ${MISPLACED}` });
  for (const [nth, name] of ["pull_request", "push", "issues", "x-hostile"].entries()) {
    for (const one of [MARKUP, MISPLACED, nth, null, { a: 1 }, "x".repeat(5000)]) {
      const payload = name === "x-hostile" ? {} : payloadOf(name);
      const hostile = {
        ...payload,
        action: one,
        ref: one,
        after: one,
        number: one,
        sender: { login: one },
        repository: { full_name: one },
      };
      const { status } = await deliver(url, name, {
        ...hostile,
        pull_request: { number: one, title: one, head: { sha: one, ref: one } },
      });
      assert.ok(status < 500, `${name} with ${JSON.stringify(one)} is answered ${status}`);
    }
  }
  return service;
}

const TAKES = `import { defineWorkflow } from "gh-runner";
export default defineWorkflow({
  name: "takes",
  on: { github: [{ events: "pull_request" }, { events: "push", branches: ["main"] }] },
  title: ({ event }) => "it is " + event.payload.action,
  concurrency: ({ event }) => String(event.payload.repository?.full_name),
  async run({ event, log }) {
    log.info(String(event.payload.action), { ref: event.payload.ref });
    throw new Error("no " + event.payload.ref);
  },
});`;

function judge(path: string, { status, text, headers }: HttpAnswer): void {
  const where = `${path.slice(0, 200)}: ${status}`;
  assert.ok(status < 500, `${where} ${text.slice(0, 500)}`);
  assert.ok(!text.includes(TOKEN) && !text.includes(MISPLACED), `${where} has a token`);
  assert.ok(!text.includes(encodeURIComponent(MISPLACED)), where);
  for (const value of Object.values(headers))
    assert.ok(!String(value).includes(MISPLACED), `${where} has a token in a header`);
  if (!String(headers["content-type"]).startsWith("text/html")) return;
  assert.match(String(headers["content-security-policy"]), /default-src 'none'/, where);
  const markup = text.search(/<x-hostile|<script>alert/);
  assert.equal(markup, -1, `${where} has markup: ${text.slice(Math.max(0, markup - 200), markup + 100)}`);
  // A field and a link have the typed text unchanged: it is sent back.
  const shown = text.replaceAll(/ (?:value|href|action)="[^"]*"/g, "");
  const at = shown.search(/[\u0000-\u0008\u000b-\u001f\u202e\u2066\ud800]/);
  const around = JSON.stringify(shown.slice(Math.max(0, at - 200), at + 100));
  assert.equal(at, -1, `${where} has a character that steers: ${around}`);
}
