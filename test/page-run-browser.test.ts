import assert from "node:assert/strict";
import { after, before, beforeEach, describe, it, type TestContext } from "node:test";
import type { Browser } from "playwright-core";
import { openBrowser, openPage, violations, withoutChromium } from "./support/browser.ts";
import { until } from "./support/clock.ts";
import { send, startService } from "./support/service.ts";
import { workflowsFolder } from "./support/workflows.ts";

const PATIENCE = { timeout: 60_000 };

/** What the workflow below waits for, in the same process. */
const SHARED = globalThis as unknown as { runTest: { gates: Map<string, () => void>; broken: boolean } };

const FILES = {
  "deploy.ts": `// @ts-nocheck
import { defineWorkflow } from "gh-runner";
import * as z from "zod";
const gate = (name) => new Promise((resolve) => globalThis.runTest.gates.set(name, resolve));
export default defineWorkflow({
  name: "deploy",
  on: { http: { path: "/deploy", body: z.looseObject({}) } },
  concurrency: "all",
  retry: false,
  async run({ step, log, github }) {
    await github.dispatch("acme/shop", "begin", { n: 1 });
    for (let line = 1; line <= 130; line++) log.info("line " + line + " " + "x".repeat(60));
    await step("wait for the cluster", () => gate("first"));
    for (let line = 131; line <= 160; line++) log.warn("line " + line + " " + "x".repeat(60));
    await step("say", async () => { await gate("second"); return { tag: "v7" }; });
    if (globalThis.runTest.broken) throw new Error("the cluster said no");
    return null;
  },
});`,
};

const release = async (name: string) => {
  await until(`${name} waits`, () => SHARED.runTest.gates.has(name));
  SHARED.runTest.gates.get(name)?.();
  SHARED.runTest.gates.delete(name);
};

describe("the page of a run, in a browser", { skip: withoutChromium }, () => {
  let browser: Browser;
  before(async () => {
    browser = await openBrowser();
  });
  after(() => browser?.close());
  beforeEach(() => {
    SHARED.runTest = { gates: new Map(), broken: false };
  });

  async function start(t: TestContext, options: Parameters<typeof openPage>[2] = {}) {
    const settings = { WORKFLOWS_DIR: workflowsFolder(t, FILES) };
    const { url } = await startService(t, { settings, options: { serverLimits: { drainMs: 200 } } });
    const page = await openPage(t, browser, options);
    const begin = async (body = "{}") => {
      const headers = { prefer: "respond-async", "content-type": "application/json" };
      const answer = await send(url, { method: "POST", path: "/deploy", headers, body });
      await until("it runs", () => SHARED.runTest.gates.has("first"));
      return String(answer.headers["x-run-id"]);
    };
    const finish = async (id: string) => {
      await release("first");
      await release("second");
      await until(
        "it has ended",
        async () => (await send(url, { path: `/api/runs/${id}` })).json.endedAt !== undefined,
      );
    };
    return { url, page, begin, finish };
  }

  it("counts seconds while a step runs, and keeps the reading position while older lines make room for new ones", async (t) => {
    const { url, page, begin } = await start(t);
    const id = await begin();
    await page.goto(`${url}/runs/${id}`);
    await page.evaluate("window.isSame = true");
    const step = page.locator(".steps li", { hasText: "wait for the cluster" });
    const count = step.locator("[data-ticks]");
    await step.getByText("running").waitFor(PATIENCE);
    const before = await count.textContent();
    await until("it counts", async () => (await count.textContent()) !== before);
    await until("as everywhere", async () =>
      /^\d+ s$/.test((await page.locator(".facts [data-ticks]").textContent()) ?? ""),
    );

    const log = page.getByRole("group", { name: "Log of attempt 1" });
    await log.getByText("line 130 ").waitFor(PATIENCE);
    const first = Number(/line (\d+) /.exec((await log.locator("p:not(.note)").first().textContent()) ?? "")?.[1]);
    assert.ok(first > 1 && first < 100, `older lines have no room: ${first}`);
    /** The position of a line on the screen, within the log. */
    const placeOf = (line: number) =>
      log.evaluate((each, at) => {
        const found = each.querySelector(`#line-1-${at}`);
        return found === null ? undefined : found.getBoundingClientRect().top - each.getBoundingClientRect().top;
      }, line);
    await log.evaluate((each) => each.querySelector("#line-1-100")?.scrollIntoView({ block: "start" }));
    const place = await placeOf(100);
    await release("first");
    await log.getByText("line 160 ").waitFor({ ...PATIENCE, state: "attached" });
    const later = Number(/line (\d+) /.exec((await log.locator("p:not(.note)").first().textContent()) ?? "")?.[1]);
    assert.ok(later > first, "older lines made room");
    const now = await placeOf(100);
    assert.ok(Math.abs((now ?? 0) - (place ?? 0)) < 3, `the line that was read moved from ${place} to ${now}`);

    await page.getByRole("link", { name: "Warnings" }).click();
    await log.getByText("line 131 ").waitFor(PATIENCE);
    assert.equal(await log.getByText("line 130 ").count(), 0);
    await page.evaluate("window.isSame = true");
    await release("second");
    await page.locator(".title .pill", { hasText: "Success" }).waitFor(PATIENCE);
    assert.equal(await page.evaluate("window.isSame"), true);
    assert.equal(await log.getByText("line 130 ").count(), 0, "the level stays");
    assert.match((await page.locator(".steps .result").textContent()) ?? "", /{"tag":"v7"}/);
    await page.locator(".sent li", { hasText: "POST /repos/acme/shop/dispatches 204" }).waitFor(PATIENCE);
    assert.deepEqual(page.complaints, []);
  });

  it("copies a command with one click, even if a browser has no clipboard", async (t) => {
    const { url, page, begin, finish } = await start(t, { permissions: ["clipboard-read", "clipboard-write"] });
    const id = await begin(JSON.stringify({ text: 'it\'s "$HOME"' }));
    await finish(id);
    await page.goto(`${url}/runs/${id}`);
    await page.getByText("Copy as curl").click();
    const command = await page.locator("#curl-0").textContent();
    assert.match(command ?? "", /^curl -sS -X POST 'http:\/\/127\.0\.0\.1:\d+\/deploy'/);
    const button = page.getByRole("button", { name: "Copy", exact: true }).first();
    await button.click();
    await page.getByRole("button", { name: "Copied" }).waitFor(PATIENCE);
    assert.equal(await page.evaluate("navigator.clipboard.readText()"), command);

    await page.reload();
    await page.evaluate("Object.defineProperty(navigator, 'clipboard', { value: undefined })");
    await page.getByText("Copy as curl").click();
    await button.click();
    await page.getByRole("button", { name: "Copied" }).waitFor(PATIENCE);
    assert.equal(await page.evaluate("String(getSelection())"), command, "it is selected");
    assert.deepEqual(page.complaints, []);
  });

  it("shows a selectable command, and the log by level, without JavaScript", async (t) => {
    const { url, page, begin, finish } = await start(t, { javaScriptEnabled: false });
    const id = await begin();
    await finish(id);
    await page.goto(`${url}/runs/${id}`);
    await page.getByText("Copy as curl").click();
    assert.equal(await page.getByRole("button", { name: "Copy" }).count(), 0);
    assert.ok(await page.locator("#curl-0").isVisible());
    await page.locator("#curl-0").focus();
    await page.locator(".log summary").click();
    await page.getByRole("link", { name: "Warnings" }).click();
    assert.match(page.url(), /level=warn#log-1$/);
    assert.ok(await page.getByText("line 160 ").isVisible());
    await page.getByRole("link", { name: "Whole log" }).click();
    await page.getByText("line 1 ").first().waitFor(PATIENCE);
  });

  it("keeps an attempt at its address when the run is re-run, without accessibility violations in light and dark", async (t) => {
    SHARED.runTest.broken = true;
    const { url, page, begin, finish } = await start(t);
    const id = await begin();
    await finish(id);
    await page.goto(`${url}/runs/${id}`);
    await page.locator(".title .pill", { hasText: "Failure" }).waitFor(PATIENCE);
    assert.match(
      (await page.locator(".verdict").textContent()) ?? "",
      /the cluster said no.*No earlier success of this group/s,
    );
    await page.getByRole("link", { name: "Attempt 1" }).click();
    await page.waitForURL("**/attempts/1");
    SHARED.runTest.broken = false;
    await page.getByRole("button", { name: "Re-run", exact: false }).first().click();
    await page.waitForURL(`**/runs/${id}`);
    await finish(id);
    await page.locator(".title .pill", { hasText: "Success" }).waitFor(PATIENCE);

    await page.goto(`${url}/runs/${id}/attempts/1`);
    const main = page.locator("main");
    assert.match((await main.textContent()) ?? "", /Attempt 1 of 2\..*Failure after.*the cluster said no.*deploy\.ts/s);
    for (const colorScheme of ["light", "dark"] as const) {
      await page.emulateMedia({ colorScheme });
      for (const path of ["", "/attempts/1", "/log"]) {
        await page.goto(`${url}/runs/${id}${path}`);
        await page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })");
        assert.deepEqual(await violations(page), [], `${path} ${colorScheme}`);
      }
    }
    assert.deepEqual(page.complaints, []);
  });
});
