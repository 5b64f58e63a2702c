import assert from "node:assert/strict";
import { after, before, beforeEach, describe, it, type TestContext } from "node:test";
import type { Browser, Page } from "playwright-core";
import {
  type OpenPage,
  openBrowser,
  openPage,
  violations,
  violationsInBoth,
  withoutChromium,
} from "./support/browser.ts";
import { until } from "./support/clock.ts";
import { fixedPort } from "./support/port.ts";
import { startService } from "./support/service.ts";
import { workflowsFolder } from "./support/workflows.ts";

const TOKEN = "alice-token-0123456789";
const PATIENCE = { timeout: 60_000 };

/** What the workflows below wait for and have done, in the same process. */
const SHARED = globalThis as unknown as {
  pageTest: { gates: Map<string, () => void>; done: string[]; broken: boolean; url?: string };
};

const HEAD = `import { defineWorkflow } from "gh-runner";
import * as z from "zod";
const { pageTest } = globalThis;
const gate = (name, signal) => new Promise((resolve, reject) => {
  pageTest.gates.set(name, resolve);
  signal.addEventListener("abort", () => reject(new Error("aborted")));
});
`;

const FILES = {
  "release.ts": `// @ts-nocheck
${HEAD}
export default defineWorkflow({
  name: "release",
  on: { manual: { inputs: z.object({
    version: z.string().regex(/^v\\d/, "must begin with v and a digit").describe("Tag to release"),
    channel: z.enum(["stable", "beta"]).default("beta"),
    loud: z.boolean().default(false),
  }) } },
  async run({ inputs, step, log, signal }) {
    log.info("building " + inputs.version, { channel: inputs.channel });
    await step("build", () => gate("build", signal));
    pageTest.done.push("build");
    for (let line = 1; line <= 60; line++) log.info("line " + line);
    await step("deploy", async () => {
      log.warn("deploying " + inputs.version);
      await gate("deploy", signal);
      if (pageTest.broken) throw new Error("the cluster said no");
    });
    return { version: inputs.version };
  },
});`,
  "ask.ts": `// @ts-nocheck
${HEAD}
export default defineWorkflow({
  name: "ask",
  on: { manual: true },
  async run({ callback }) {
    const { url, result } = await callback("approval", { body: z.object({ approved: z.boolean(), why: z.string() }), timeout: "2d" });
    pageTest.url = url;
    return await result();
  },
});`,
  "tidy.ts": `// @ts-nocheck
${HEAD}
export default defineWorkflow({
  name: "tidy",
  on: { manual: true },
  async run({ step, signal }) {
    await step("work", () => gate("work", signal));
  },
  async cancelled({ step, log, signal }) {
    log.info("tidying up");
    await step("undo", () => gate("undo", signal));
  },
});`,
  "nap.ts": `// @ts-nocheck
${HEAD}
export default defineWorkflow({
  name: "nap",
  on: { manual: true },
  async run({ sleep, log }) {
    log.info("good night");
    await sleep("quiet period", "2h");
  },
});`,
  "flaky.ts": `// @ts-nocheck
${HEAD}
export default defineWorkflow({
  name: "flaky",
  on: { manual: { inputs: z.object({ n: z.int() }) } },
  concurrency: ({ inputs }) => "flaky-" + inputs.n,
  async run() {
    if (pageTest.broken) throw new Error("it is broken");
  },
});`,
};

const open = (name: string) => until(`${name} waits`, () => SHARED.pageTest.gates.has(name));
const release = async (name: string) => {
  await open(name);
  SHARED.pageTest.gates.get(name)?.();
  SHARED.pageTest.gates.delete(name);
};

const status = (page: Page, text: string) => page.locator(".title .pill", { hasText: text }).waitFor(PATIENCE);
const button = (page: Page, name: string) => page.getByRole("button", { name, exact: true });

describe("what a person does on the page, in a browser", { skip: withoutChromium }, () => {
  let browser: Browser;
  before(async () => {
    browser = await openBrowser();
  });
  after(() => browser?.close());
  beforeEach(() => {
    SHARED.pageTest = { gates: new Map(), done: [], broken: false };
  });

  async function start(
    t: TestContext,
    options: Parameters<typeof openPage>[2] = {},
    settings: Record<string, string> = {},
  ) {
    const all = {
      AUTH_TOKENS: `alice:${TOKEN}`,
      WORKFLOWS_DIR: workflowsFolder(t, FILES),
      RETRY_HOURS: "0",
      ...settings,
    };
    const service = await startService(t, { settings: all, options: { serverLimits: { drainMs: 200 } } });
    const page = await openPage(t, browser, options);
    await page.goto(`${service.url}/workflows`);
    await page.getByLabel(/AUTH_TOKENS/).fill(TOKEN);
    await button(page, "Sign in").click();
    await page.getByRole("heading", { name: "Workflows", level: 1 }).waitFor(PATIENCE);
    return { ...service, page };
  }

  /** Fills in the form and sends it. Resolves on the page of the run. */
  async function startRelease(page: OpenPage, version = "v1") {
    await page.locator("#workflow-release").getByRole("link", { name: "Run workflow…" }).click();
    await page.getByLabel("version").fill(version);
    await button(page, "Run workflow").click();
    if (version.startsWith("v")) await status(page, "Running");
  }

  async function startFlaky(page: OpenPage, url: string, n: number) {
    await page.goto(`${url}/workflows/flaky/start`);
    await page.locator("main").getByLabel("n").fill(String(n));
    await button(page, "Run workflow").click();
    await status(page, SHARED.pageTest.broken ? "Failure" : "Success");
  }

  it("starts a run from the form, after its errors are corrected", async (t) => {
    const { page } = await start(t);
    await page.locator("#workflow-release").getByRole("link", { name: "Run workflow…" }).click();
    await page.getByLabel("channel").selectOption("stable");
    await page.getByLabel("loud").check();
    await page.getByLabel("version").fill("1.2");
    await button(page, "Run workflow").click();
    await page.getByText("must begin with v and a digit").waitFor(PATIENCE);
    assert.equal(await page.getByLabel("version").inputValue(), "1.2");
    assert.equal(await page.getByLabel("channel").inputValue(), "stable");
    assert.equal(await page.getByLabel("loud").isChecked(), true);
    await page.getByLabel("version").fill("v1.2");
    await page.keyboard.press("Enter");
    await status(page, "Running");
    await page.getByText("Started by token alice").first().waitFor(PATIENCE);
    const input = (await page.getByRole("region", { name: "Input" }).textContent()) ?? "";
    assert.match(input, /"version": "v1.2",\s+"channel": "stable",\s+"loud": true/);
  });

  it("shows steps and lines as they arrive, without a reload, and keeps what the reader has folded and scrolled", async (t) => {
    const { page } = await start(t);
    await startRelease(page);
    const steps = page.locator(".steps li");
    await steps.filter({ hasText: "build" }).filter({ hasText: "running" }).waitFor(PATIENCE);
    await page.locator(".lines p", { hasText: "building v1 channel=beta" }).waitFor(PATIENCE);
    await page.evaluate("window.isSame = true");
    const log = page.getByRole("group", { name: "Log of attempt 1" });
    await release("build");
    await open("deploy");
    const begun = performance.now();
    await log.getByText("deploying v1").waitFor(PATIENCE);
    t.diagnostic(`a line was shown after ${Math.round(performance.now() - begun)} ms`);
    assert.ok(performance.now() - begun < 20_000, "about a second on a machine that is not busy");
    await steps.filter({ hasText: "deploy" }).filter({ hasText: "running" }).waitFor(PATIENCE);
    const toEnd = await log.evaluate((each) => each.scrollHeight - each.scrollTop - each.clientHeight);
    assert.ok(toEnd < 8, `a log that is read at its end stays there: ${toEnd} px`);
    assert.match((await page.locator(".log summary").textContent()) ?? "", /Log 62 lines, 1 warning/);

    await log.evaluate((each) => Object.assign(each, { scrollTop: 100 }));
    await page.locator(".stack, .log summary").first().focus();
    await release("deploy");
    await status(page, "Success");
    assert.equal(await page.evaluate("window.isSame"), true);
    assert.equal(await log.evaluate((each) => each.scrollTop), 100);
    assert.equal(await page.evaluate("document.activeElement.tagName"), "SUMMARY");
    assert.deepEqual(page.complaints, []);
  });

  it("keeps a log folded that the reader folded", async (t) => {
    const { page } = await start(t);
    await startRelease(page);
    await page.locator(".log summary").click();
    await release("build");
    await page.locator(".log summary", { hasText: "62 lines" }).waitFor(PATIENCE);
    assert.equal(await page.locator(".log").getAttribute("open"), null);
    await release("deploy");
    await status(page, "Success");
  });

  it("cancels a run, with only the keyboard, and shows who did", async (t) => {
    const { page } = await start(t);
    await startRelease(page);
    await open("build");
    await page.locator("h1").waitFor(PATIENCE);
    await page.locator("nav.crumbs a").first().focus();
    await page.keyboard.press("Tab");
    assert.equal(await page.evaluate("document.activeElement.textContent"), "Cancel run");
    await page.keyboard.press("Enter");
    await status(page, "Cancelled");
    await page.locator(".line-of-time strong", { hasText: "Cancelled by token alice" }).waitFor(PATIENCE);
    assert.deepEqual(SHARED.pageTest.done, []);
    assert.equal(await button(page, "Cancel run").count(), 0);
  });

  it("shows the clean-up after a cancel while it runs, and how it ended", async (t) => {
    const { page } = await start(t);
    await page.locator("#workflow-tidy").getByRole("button", { name: "Run workflow" }).click();
    await open("work");
    await page.waitForURL("**/runs/*");
    await button(page, "Cancel run").click();
    await status(page, "Cancelled");
    const cleanUp = page.locator(".line-of-time li", { hasText: "Clean-up after the cancel" });
    await cleanUp.getByText("running since").waitFor(PATIENCE);
    await cleanUp.getByText("tidying up").waitFor(PATIENCE);
    await cleanUp.locator(".steps li", { hasText: "undo" }).getByText("running").waitFor(PATIENCE);
    await release("undo");
    await cleanUp.getByText("Success after").waitFor(PATIENCE);
    assert.match((await page.locator(".line-of-time").textContent()) ?? "", /Attempt 1\s+Cancelled/);
  });

  it("works with JavaScript off: start, cancel, and the errors of a form", async (t) => {
    const { page } = await start(t, { javaScriptEnabled: false });
    await page.locator("#workflow-release").getByRole("link", { name: "Run workflow…" }).click();
    await page.getByLabel("version").fill("1");
    await button(page, "Run workflow").click();
    await page.getByText("must begin with v and a digit").waitFor(PATIENCE);
    await page.getByLabel("version").fill("v1");
    await button(page, "Run workflow").click();
    await page.waitForURL("**/runs/*");
    await open("build");
    await until("a line is shown", async () => {
      await page.reload();
      return (await page.locator(".lines p", { hasText: "building v1" }).count()) > 0;
    });
    await button(page, "Cancel run").click();
    await status(page, "Cancelled");
  });

  it("re-runs from the failed step, so that completed steps are not repeated", async (t) => {
    const { page } = await start(t);
    SHARED.pageTest.broken = true;
    await startRelease(page);
    await release("build");
    await release("deploy");
    await status(page, "Failure");
    await page.getByText("the cluster said no").first().waitFor(PATIENCE);
    assert.match((await page.locator(".stack").first().textContent()) ?? "", /release\.ts/);
    SHARED.pageTest.broken = false;
    await button(page, "Re-run from the failed step").click();
    await release("deploy");
    await status(page, "Success");
    assert.deepEqual(SHARED.pageTest.gates.has("build"), false);
    await page.getByText("Re-run by token alice").waitFor(PATIENCE);
    await page.getByText("Attempt 2").waitFor(PATIENCE);
  });

  it("re-runs with changed input, as a new run that names the old one", async (t) => {
    const { page } = await start(t);
    await startRelease(page);
    const old = page.url();
    await release("build");
    await release("deploy");
    await status(page, "Success");
    await page.getByRole("link", { name: "Re-run with changed input" }).click();
    assert.equal(await page.getByLabel("version").inputValue(), "v1");
    await page.getByLabel("version").fill("v2");
    await button(page, "Re-run with this input").click();
    await status(page, "Running");
    assert.notEqual(page.url(), old);
    assert.match((await page.getByRole("region", { name: "Input" }).textContent()) ?? "", /"version": "v2"/);
    const path = new URL(page.url()).pathname;
    await page.locator(".facts div", { hasText: "Re-run of" }).getByRole("link").click();
    await page.waitForURL(old);
    await page.locator(`.line-of-time a[href="${path}"]`).click();
    await status(page, "Running");
  });

  it("shows that a run waits, counts it on the list, and cancels all unfinished runs", async (t) => {
    const { page, url } = await start(t);
    const list = await page.context().newPage();
    await list.goto(`${url}/?status=waiting`);
    await list.getByText("No run matches.").waitFor(PATIENCE);
    await page.locator("#workflow-nap").getByRole("button", { name: "Run workflow" }).click();
    await status(page, "Waiting");
    const what = page.getByRole("region", { name: "What it waits for" });
    await what.getByText(/quiet period, since [^:]+.*:\s+it sleeps until/s).waitFor(PATIENCE);
    await page.locator(".steps li", { hasText: "quiet period" }).getByText("waiting").waitFor(PATIENCE);
    await list.locator(".run", { hasText: "nap" }).waitFor(PATIENCE);
    assert.equal(await list.locator("#count-waiting").textContent(), "1");
    for (const viewport of [
      { width: 390, height: 844 },
      { width: 1440, height: 900 },
    ]) {
      await page.setViewportSize(viewport);
      assert.deepEqual(await violations(page), []);
      assert.equal(await page.evaluate("document.documentElement.scrollWidth"), viewport.width);
    }
    await list.getByRole("link", { name: "Cancel the unfinished runs…" }).click();
    await button(list, "Cancel 1 unfinished run").click();
    await list.getByText("1 cancelled, 0 not changed.").waitFor(PATIENCE);
    assert.deepEqual(await violations(list), []);
    await status(page, "Cancelled");
    assert.deepEqual(await violations(page), []);
  });

  it("pauses a workflow, whose runs then wait, and resumes it", async (t) => {
    const { page, url } = await start(t);
    await page.locator("#workflow-flaky").getByRole("button", { name: "Pause" }).click();
    await page.getByText("flaky is paused (token alice").waitFor(PATIENCE);
    await page.goto(`${url}/workflows/flaky/start`);
    await page.locator("main").getByLabel("n").fill("1");
    await button(page, "Run workflow").click();
    await status(page, "Queued");
    await page.getByRole("region", { name: "Why it waits: the workflow is paused" }).waitFor(PATIENCE);
    const run = page.url();
    await page.goto(`${url}/`);
    const row = page.locator(`[data-row]`).first();
    await row.getByText("paused", { exact: true }).waitFor(PATIENCE);
    assert.doesNotMatch(
      (await page.locator("#state").textContent()) ?? "",
      /next now/,
      "nothing begins while it is paused",
    );
    await page.getByRole("link", { name: "Resume…", exact: true }).click();
    assert.match(page.url(), /\/workflows#workflow-flaky$/);
    await page.locator("#workflow-flaky").getByRole("button", { name: "Resume" }).click();
    await page.getByText("is paused").waitFor({ ...PATIENCE, state: "detached" });
    await page.goto(run);
    await status(page, "Success");

    await page.goto(`${url}/workflows`);
    await page.getByText("Pause all…").click();
    await button(page, "Pause all workflows").click();
    await page.getByText("All workflows are paused").waitFor(PATIENCE);
    await button(page, "Resume all").click();
    await page.getByText("All workflows are paused").waitFor({ ...PATIENCE, state: "detached" });
  });

  it("re-runs all failed runs that the filter shows, after a confirmation", async (t) => {
    const { page, url } = await start(t);
    SHARED.pageTest.broken = true;
    for (const n of [1, 2, 3]) await startFlaky(page, url, n);
    SHARED.pageTest.broken = false;
    await page.goto(`${url}/?text=flaky-`);
    await page.getByRole("link", { name: "Re-run the failed runs…" }).click();
    await page.getByText("Re-run 3 failed runs?").waitFor(PATIENCE);
    await button(page, "Re-run 3 failed runs").click();
    await page.getByText("3 re-run, 0 not changed.").waitFor(PATIENCE);
    await page.goto(`${url}/?status=success`);
    await page.locator(".runs .run").nth(2).waitFor(PATIENCE);
    await page.goto(`${url}/?status=failure`);
    await page.getByText("No run matches.").waitFor(PATIENCE);
  });

  it("answers a callback with no more than its URL", async (t) => {
    const PORT = String(await fixedPort());
    const { page, url } = await start(t, {}, { PORT, PUBLIC_URL: `http://127.0.0.1:${PORT}` });
    await page.locator("#workflow-ask").getByRole("button", { name: "Run workflow" }).click();
    await status(page, "Waiting");
    await page.getByRole("region", { name: "What it waits for" }).getByText("approval").waitFor(PATIENCE);
    const { url: asked = "" } = SHARED.pageTest;
    assert.ok(asked.startsWith(`${url}/callbacks/`), asked);
    const stranger = await openPage(t, browser);
    await stranger.goto(asked);
    assert.deepEqual(await violations(stranger), []);
    await stranger.getByLabel("approved").check();
    await stranger.getByLabel("why").fill("it looks good");
    await button(stranger, "Send the answer").click();
    await stranger.getByText(/Answered .* The run continues/).waitFor(PATIENCE);
    await status(page, "Success");
    assert.match((await page.getByRole("region", { name: "Outputs" }).textContent()) ?? "", /"why": "it looks good"/);
    await page.getByText("Answered by callback").waitFor(PATIENCE);
  });

  it("passes axe-core in light and dark, on a phone and on a desktop", async (t) => {
    const { page, url } = await start(t);
    SHARED.pageTest.broken = true;
    await startRelease(page);
    const running = page.url();
    await open("build");
    await startFlaky(page, url, 1);
    const failed = page.url();
    await page.goto(`${url}/workflows`);
    await page.locator("#workflow-flaky").getByRole("button", { name: "Pause" }).click();
    await page.getByText("flaky is paused").waitFor(PATIENCE);
    for (const viewport of [
      { width: 390, height: 844 },
      { width: 1440, height: 900 },
    ]) {
      await page.setViewportSize(viewport);
      const look = async (path: string) => {
        await page.goto(new URL(path, url).href);
        await page.locator("main").waitFor(PATIENCE);
        assert.deepEqual(await violationsInBoth(page), [], `${path} at ${viewport.width}`);
        const width = await page.evaluate("document.documentElement.scrollWidth");
        assert.equal(width, viewport.width, `${path} is wider than the window`);
      };
      const paths = ["/", "/workflows", "/workflows/release/start", "/bulk/rerun", "/bulk/cancel", running, failed];
      for (const path of [...paths, `${failed}/changed`]) await look(path);
      await page.goto(`${url}/workflows/release/start`);
      await page.getByLabel("version").fill("1");
      await button(page, "Run workflow").click();
      await page.getByText("must begin with v").waitFor(PATIENCE);
      assert.deepEqual(await violationsInBoth(page), []);
      await page.goto(`${url}/workflows`);
      await page.getByText("Pause all…").click();
      await button(page, "Pause all workflows").waitFor(PATIENCE);
      assert.deepEqual(await violationsInBoth(page), []);
    }
  });
});
