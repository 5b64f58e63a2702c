import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, it, type TestContext } from "node:test";
import type { Browser, Page } from "playwright-core";
import { systemClock } from "../src/model/clock.ts";
import { openSqliteStore } from "../src/store/sqlite/store.ts";
import { openBrowser, openPage, violationsInBoth, withoutChromium } from "./support/browser.ts";
import { temporaryFolder } from "./support/folder.ts";
import { type Story, writePreview } from "./support/previews.ts";
import { DEPLOYMENT, deploy, notify, startService, TARGET } from "./support/service.ts";

const COMMIT = "9fceb02d0ae598e95dc970b74767f19372d61af8";
const PATIENCE = { timeout: 60_000 };
const MINUTE = 60_000;

const LONG = "very-long-name-".repeat(15);
/** Has no place where a line can break. */
const UNBROKEN = `pr-${"x".repeat(250)}`;
const STORIES: readonly Omit<Story, "at">[] = [
  { application: "pr-1", tests: "passed" },
  { application: "pr-2", tests: "failed", jobs: ["unit", "end to end (chromium, 1 of 4)", LONG] },
  { application: "pr-3", tests: "no run" },
  { application: "pr-4" },
  { application: `pr-${LONG}`, tests: "running", title: LONG },
  { application: "pr-1", tests: "appearing" },
];

/** The service with runs of the two workflows, a minute apart. */
async function startWithPreviews(t: TestContext, stories = STORIES) {
  const folder = temporaryFolder(t);
  const store = openSqliteStore(folder, systemClock);
  const from = Date.now() - stories.length * MINUTE;
  for (const [nth, story] of stories.entries()) await writePreview(store, { ...story, at: from + nth * MINUTE });
  await store.close();
  return startService(t, { settings: { DATA_DIR: folder }, options: { serverLimits: { drainMs: 200 } } });
}

const names = (page: Page) => page.locator(".previews .name").allTextContents();

describe("the page of previews, in a browser", { skip: withoutChromium }, () => {
  let browser: Browser;
  before(async () => {
    browser = await openBrowser();
  });
  after(() => browser?.close());

  it("shows a preview that arrives while it is open, and announces it", async (t) => {
    const { url, github } = await startWithPreviews(t);
    const page = await openPage(t, browser);
    await page.goto(url);
    await page.getByRole("link", { name: "Previews" }).click();
    await page.locator('#live[data-kind="live"]').waitFor(PATIENCE);
    assert.deepEqual((await names(page)).slice(0, 1), ["pr-1"]);
    deploy(github, "pr-9", COMMIT);
    await notify(url, { application: "pr-9" });
    await page.locator(".previews .name", { hasText: "pr-9" }).waitFor(PATIENCE);
    await page
      .locator(".previews li", { hasText: "pr-9" })
      .getByText("Dispatched", { exact: true })
      .first()
      .waitFor(PATIENCE);
    assert.match((await page.locator("#said").textContent()) ?? "", /^Newest preview: pr-9, (Running|Dispatched)$/);
    assert.deepEqual(page.complaints, []);
  });

  for (const javaScriptEnabled of [true, false]) {
    it(`leads by keyboard and filter to the cause and to earlier previews, JavaScript ${javaScriptEnabled ? "on" : "off"}`, async (t) => {
      const { url } = await startWithPreviews(t);
      const page = await openPage(t, browser, { javaScriptEnabled });
      await page.goto(`${url}/previews`);
      await page.getByRole("link", { name: "Nothing started" }).focus();
      await page.keyboard.press("Enter");
      await page.waitForURL(/result=nothing_started/);
      assert.deepEqual(await names(page), ["pr-3"]);
      const row = (await page.locator(".previews li.run").first().textContent()) ?? "";
      assert.match(row, /no workflow on main listens to environment_ready/);
      await page.getByRole("link", { name: "All", exact: true }).click();
      await page.getByRole("searchbox", { name: "Application" }).fill("PR-1");
      await page.keyboard.press("Enter");
      await page.waitForURL(/text=PR-1/);
      assert.deepEqual(await names(page), ["pr-1"]);
      await page.getByRole("link", { name: "Earlier" }).click();
      assert.equal(await page.getByRole("heading", { level: 1 }).textContent(), "Previews of pr-1");
      assert.deepEqual(await page.locator(".previews .pill").allTextContents(), ["Running", "Passed"]);
      await page.getByRole("link", { name: "pr-1", exact: true }).last().click();
      const chain = page.getByRole("region", { name: "From the notification to the result" });
      assert.match(
        (await chain.textContent()) ?? "",
        /Result\s*Passed.*Actions run\s*4242.*Dispatched by\s*environment-ready/s,
      );
      await chain.getByRole("link", { name: "environment-ready" }).click();
      await chain.getByRole("link", { name: "preview-tests" }).waitFor(PATIENCE);
      assert.deepEqual(page.complaints, []);
    });
  }

  it("leads from a real notification to the result of its tests, while the page is open", async (t) => {
    const secret = "a-webhook-secret-0123456789";
    const service = await startService(t, {
      settings: { FOLLOW: "status", GITHUB_WEBHOOK_SECRET: secret, ARGOCD_URL: "https://argocd.example" },
      options: { serverLimits: { drainMs: 200 } },
    });
    const { github, url } = service;
    const shop = github.repository(TARGET);
    const workflow = ".github/workflows/environment-ready.yml";
    shop.put(workflow, readFileSync(new URL("../deploy/target/environment-ready.yml", import.meta.url), "utf8"));
    github.hook(TARGET, `${url}/webhooks/github`, { secret, events: ["workflow_run"] });
    const runs: number[] = [];
    github.actions.script(({ id, attempt }) => {
      if (attempt === 1) runs.push(id);
      return { startsAfterMs: 0 };
    });
    const page = await openPage(t, browser);
    await page.goto(`${url}/previews`);
    await page.locator('#live[data-kind="live"]').waitFor(PATIENCE);
    deploy(github, "pr-7", shop.commitOf("main") ?? COMMIT);
    assert.equal((await notify(url, { application: "pr-7" })).json.status, "success");

    const row = page.locator(".previews li.run", { hasText: "pr-7" });
    await row.getByText("The Actions run is queued or running.").waitFor(PATIENCE);
    assert.equal(await row.locator(".pill").textContent(), "Running");
    github.actions.end(shop, runs[0] ?? 0, "failure");
    await row.locator(".pill", { hasText: "Failed" }).waitFor(PATIENCE);
    const stages = (await row.locator(".stages li > span").allTextContents()).join(" ");
    assert.equal(stages, "Received Values read Dispatched Created Started Ended Reported");
    assert.deepEqual(
      await row.locator(".jobs a").evaluateAll((all) => all.map((each) => each.textContent?.split(":")[0])),
      [...["begin", "tests", "report"]],
    );
    const hrefs = await row
      .locator("a")
      .evaluateAll((all) => all.map((each) => (each as unknown as { href: string }).href));
    for (const start of [
      `${github.url}/acme/shop/commit/`,
      `${github.url}/acme/deployment/blob/${github.repository(DEPLOYMENT).commitOf("main")}/configs/pr/light/pr-7/`,
      `https://github.com/acme/shop/actions/runs/${runs[0]}`,
    ]) {
      assert.ok(
        hrefs.some((href) => href.startsWith(start)),
        `${start} in ${hrefs.join(" ")}`,
      );
    }
    assert.ok(hrefs.includes("https://argocd.example/applications/pr-7"));
    assert.equal(await page.getByText("gh-runner does not follow the tests.").count(), 0);

    // A person re-runs the tests at GitHub, and they pass.
    github.actions.rerun(shop, runs[0] ?? 0);
    await row.locator(".pill", { hasText: "Running" }).waitFor(PATIENCE);
    github.actions.end(shop, runs[0] ?? 0, "success");
    await row.locator(".pill", { hasText: "Passed" }).waitFor(PATIENCE);
    assert.match((await row.textContent()) ?? "", /attempt 2/);
    assert.deepEqual(page.complaints, []);
  });

  it("passes axe-core in light and dark, on a phone and on a desktop", async (t) => {
    const { url } = await startWithPreviews(t);
    const empty = await startWithPreviews(t, []);
    const unbroken = await startWithPreviews(t, [{ application: UNBROKEN, tests: "failed", title: UNBROKEN }]);
    const many = Array.from({ length: 40 }, (_, nth) => ({ application: `pr-${nth}`, tests: "passed" as const }));
    const full = await startWithPreviews(t, many);
    for (const viewport of [
      { width: 390, height: 844 },
      { width: 1440, height: 900 },
    ]) {
      const page = await openPage(t, browser, { viewport });
      const look = async (address: string) => {
        await page.goto(address);
        assert.deepEqual(await violationsInBoth(page), [], `${address} at ${viewport.width}`);
        const width = await page.evaluate("document.documentElement.scrollWidth");
        assert.equal(width, viewport.width, `${address} is wider than the window`);
      };
      const paths = ["", "?result=failed", "?result=cancelled", "?text=nothing", "?application=pr-1"];
      for (const path of paths) await look(`${url}/previews${path}`);
      const run = await page.locator(".previews .name").first().getAttribute("href");
      await look(url + run);
      await look(`${unbroken.url}/previews?application=${UNBROKEN}`);
      await look(`${unbroken.url}${await page.locator(".previews .name").first().getAttribute("href")}`);
      await look(`${empty.url}/previews`);
      await page.getByText("No previews yet.").waitFor(PATIENCE);
      await look(`${full.url}/previews`);
      assert.equal((await names(page)).length, 25);
      await page.getByRole("link", { name: "Older" }).click();
      await page.waitForURL(/before=/);
      assert.equal((await names(page)).length, 15);
    }
  });
});
