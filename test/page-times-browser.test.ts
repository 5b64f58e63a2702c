import assert from "node:assert/strict";
import { after, before, describe, it, type TestContext } from "node:test";
import fc from "fast-check";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { colorOf } from "../src/model/color.ts";
import { openBrowser, openPage, violations, withoutChromium } from "./support/browser.ts";
import { pagesOf } from "./support/pages.ts";
import { notify, send, startService } from "./support/service.ts";

const PATIENCE = { timeout: 60_000 };

const start = (t: TestContext, settings: Record<string, string> = {}) =>
  startService(t, { settings, options: { serverLimits: { drainMs: 200 } } });

const isLive = (page: Page) => page.locator('#live[data-kind="live"]').waitFor(PATIENCE);

/** Random colours, and grey ones, on which both black and white have little contrast. */
const COLORS = [
  ...fc.sample(fc.integer({ min: 0, max: 0xffffff }), 4).map((each) => each.toString(16).padStart(6, "0")),
  "777777",
  "757575",
];

describe("the colour of an installation, in a browser", { skip: withoutChromium }, () => {
  let browser: Browser;
  before(async () => {
    browser = await openBrowser();
  });
  after(() => browser?.close());

  for (const colorScheme of ["light", "dark"] as const) {
    it(`leaves all text readable, ${colorScheme}`, async (t) => {
      const page = await openPage(t, browser, { colorScheme });
      let app = pagesOf();
      await page.route("http://pages.example/**", async (route) => {
        const { pathname } = new URL(route.request().url());
        if (pathname === "/live") return route.fulfill({ status: 503 });
        const answer = await app.request(pathname);
        await route.fulfill({
          status: answer.status,
          headers: Object.fromEntries(answer.headers),
          body: Buffer.from(await answer.arrayBuffer()),
        });
      });
      for (const color of COLORS) {
        const installation = { name: "staging", color: colorOf(color), time: "local" } as const;
        app = pagesOf({ installation });
        await page.goto("http://pages.example/workflows");
        const shown = await page.evaluate('getComputedStyle(document.querySelector(".installation")).backgroundColor');
        const parts = [0, 2, 4].map((at) => Number.parseInt(color.slice(at, at + 2), 16));
        assert.equal(shown, `rgb(${parts.join(", ")})`);
        assert.deepEqual(await violations(page), [], color);
      }
    });
  }
});

/** The footer's note about times. */
const zone = (page: Page) => page.locator("#zone").textContent();
/** When the workflow was paused, which every page shows in full. */
const times = (page: Page) => page.locator("#paused time").allTextContents();

describe("times, in a browser", { skip: withoutChromium }, () => {
  let browser: Browser;
  before(async () => {
    browser = await openBrowser();
  });
  after(() => browser?.close());

  /** A run's page in Nepal: no other zone is 5:45 h ahead of UTC. */
  async function openRun(t: TestContext, settings: Record<string, string>, options: BrowserContextOptions = {}) {
    const { url } = await start(t, settings);
    const { headers } = await notify(url, { application: "pr-none" });
    const pause = await send(url, { method: "POST", path: "/api/workflows/environment-ready/pause" });
    assert.equal(pause.status, 200);
    const page = await openPage(t, browser, { timezoneId: "Asia/Katmandu", locale: "en-GB", ...options });
    await page.goto(`${url}/runs/${headers["x-run-id"]}`);
    await isLive(page);
    return { url, page };
  }

  for (const [setting, first, second, zones] of [
    ["local", "Show UTC", "Show local time", ["Asia/Katmandu", "UTC"]],
    ["utc", "Show local time", "Show UTC", ["UTC", "Asia/Katmandu"]],
  ] as const) {
    it(`are in the zone of PAGE_TIME=${setting}, until the reader switches, and stay like that`, async (t) => {
      const { page } = await openRun(t, { PAGE_TIME: setting });
      assert.equal(await zone(page), `Times are in ${zones[0]}.`);
      const before = await times(page);
      assert.equal(before.length, 1);
      const accepted = page.locator("time").first();
      const iso = (await accepted.getAttribute("datetime")) ?? "";
      const inUtc = iso.slice(11, 19);
      const title = (await accepted.getAttribute("title")) ?? "";
      assert.ok(title.includes(`${inUtc} UTC`), "UTC is there in any case, for comparing it with a log");

      await page.getByRole("button", { name: first }).click();
      assert.equal(await zone(page), `Times are in ${zones[1]}.`);
      assert.equal(await page.locator("#said").textContent(), `Times are in ${zones[1]}.`);
      const after = await times(page);
      assert.notDeepEqual(after, before);
      const minutes = (text = "") => Number(/\d\d:(\d\d)/.exec(text)?.[1]);
      const [utc, local] = setting === "utc" ? [before, after] : [after, before];
      assert.equal(minutes(local[0]), (minutes(utc[0]) + 45) % 60);

      await page.reload();
      await isLive(page);
      assert.equal(await zone(page), `Times are in ${zones[1]}.`);
      assert.deepEqual(await times(page), after);
      await page.getByRole("button", { name: second }).click();
      assert.deepEqual(await times(page), before, "and back");
      assert.deepEqual(page.complaints, []);
    });
  }

  it("stay in the reader's choice when the page is updated", async (t) => {
    const { url, page } = await openRun(t, {});
    await page.goto(url);
    await isLive(page);
    await page.getByRole("button", { name: "Show UTC" }).click();
    await send(url, { method: "POST", path: "/api/workflows/environment-ready/resume" });
    await page.locator("#paused", { hasText: "paused" }).waitFor({ state: "hidden", ...PATIENCE });
    await notify(url, { application: "other" });
    await page.locator(".run .name", { hasText: "other" }).waitFor(PATIENCE);
    const titles = await page.locator("time").evaluateAll((all) => all.map((each) => each.title));
    assert.ok(titles.length > 0);
    for (const title of titles) assert.match(title, /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC$/);
    const hours = await page.locator("figure title").allTextContents();
    for (const hour of hours) assert.match(hour, /^\d\d:00 UTC: /);
  });

  it("offer no switch to a reader in UTC", async (t) => {
    const { page } = await openRun(t, {}, { timezoneId: "UTC" });
    assert.equal(await zone(page), "Times are in UTC.");
    assert.equal(await page.getByRole("button", { name: /Show (UTC|local time)/ }).count(), 0);
  });
});
