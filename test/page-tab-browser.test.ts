import assert from "node:assert/strict";
import { after, before, describe, it, type TestContext } from "node:test";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { openBrowser, openPage, withoutChromium } from "./support/browser.ts";
import { until } from "./support/clock.ts";
import { deploy, notify, send, startService } from "./support/service.ts";

const CALLER = "caller-token-0123456789";
const COMMIT = "9fceb02d0ae598e95dc970b74767f19372d61af8";
const PATIENCE = { timeout: 60_000 };

const start = (t: TestContext, settings: Record<string, string> = {}) =>
  startService(t, { settings, options: { serverLimits: { drainMs: 200 } } });

/** Playwright's waitForFunction evaluates text inside the page, which its policy forbids. */
const hasTitle = (page: Page, title: string) =>
  until(`the title is ${title}`, async () => (await page.title()) === title);

const isLive = (page: Page) => page.locator('#live[data-kind="live"]').waitFor(PATIENCE);

describe("the tab of a page, in a browser", { skip: withoutChromium }, () => {
  let browser: Browser;
  before(async () => {
    browser = await openBrowser();
  });
  after(() => browser?.close());

  it("shows failures as they happen, in its title and its icon", async (t) => {
    const { url } = await start(t);
    const page = await openPage(t, browser);
    await page.goto(url);
    await isLive(page);
    const icon = () => page.locator("link[rel=icon]").getAttribute("href");
    assert.equal(await page.title(), "Runs · gh-runner");
    assert.match((await icon()) ?? "", /icon-0\.svg$/);
    await notify(url, { application: "pr-none" });
    await page.locator(".run .name", { hasText: "pr-none" }).waitFor(PATIENCE);
    await hasTitle(page, "(1) Runs · gh-runner");
    assert.match((await icon()) ?? "", /icon-1\.svg$/);
    const drawn = await page.evaluate(
      `new Promise((resolve, reject) => { const image = new Image(); image.onload = () => resolve(image.naturalWidth > 0);
        image.onerror = reject; image.src = document.querySelector("link[rel=icon]").href; })`,
    );
    assert.equal(drawn, true);
    assert.deepEqual(page.complaints, []);
  });

  it("shows them within a minute while it is hidden, without a connection", async (t) => {
    const { url } = await start(t);
    const page = await openPage(t, browser);
    await page.clock.install();
    await page.addInitScript(`Object.defineProperty(document, "visibilityState", { get: () => "hidden" });`);
    await page.goto(url);
    await notify(url, { application: "pr-none" });
    // The page's clock also advances in real time, and a busy machine takes seconds for the lines above.
    await page.clock.runFor(40_000);
    assert.equal(await page.title(), "Runs · gh-runner");
    await page.clock.runFor(21_000);
    await hasTitle(page, "(1) Runs · gh-runner");
    assert.match((await page.locator("link[rel=icon]").getAttribute("href")) ?? "", /icon-1\.svg$/);
    assert.deepEqual(
      page.asked.filter((address) => address.endsWith("/live")),
      [],
    );
    assert.deepEqual(page.complaints, []);
  });

  it("survives a stopped service, and sends no requests after the end of its session", async (t) => {
    const { url } = await start(t, { AUTH_TOKENS: CALLER });
    const page = await openPage(t, browser);
    await page.clock.install();
    await page.addInitScript(`Object.defineProperty(document, "visibilityState", { get: () => "hidden" });`);
    await page.goto(url);
    await page.fill("#token", CALLER);
    await page.keyboard.press("Enter");
    await page.waitForURL(`${url}/`);
    const looks = () => page.asked.filter((address) => address.includes("/live/state")).length;
    await page.route("**/live/state*", (route) => route.abort());
    await page.clock.runFor(61_000);
    await until("it has asked without success", () => looks() === 1);
    await page.unroute("**/live/state*");
    await page.context().clearCookies();
    await page.clock.runFor(61_000);
    await until("it has asked without a session", () => looks() === 2);
    await page.title();
    await page.clock.runFor(300_000);
    assert.equal(looks(), 2);
    // Chromium logs both answers. They are not script errors.
    for (const complaint of page.complaints) assert.match(complaint, /^Failed to load resource/);
  });

  /** A window with permission to notify, which records its notifications. Its pages are hidden by a test, as by another tab. */
  async function openWindow(t: TestContext, url: string, permission: "granted" | "denied" = "granted") {
    const context = await browser.newContext();
    t.after(() => context.close());
    if (permission === "granted") await context.grantPermissions(["notifications"], { origin: url });
    await context.addInitScript(`
      const Real = Notification;
      window.notified = [];
      window.Notification = class extends Real {
        constructor(title, options) { super(title, options); window.notified.push({ title, ...options }); }
        static requestPermission() { return Promise.resolve("${permission}"); }
      };
      let hidden = false;
      Object.defineProperty(document, "visibilityState", { get: () => (hidden ? "hidden" : "visible") });
      window.hide = (now) => { hidden = now; document.dispatchEvent(new Event("visibilitychange")); };`);
    return context;
  }

  const open = async (context: BrowserContext, address: string) => {
    const page = await context.newPage();
    await page.goto(address);
    await isLive(page);
    return page;
  };
  const notified = (page: Page) =>
    page.evaluate("window.notified") as Promise<{ title: string; body: string; tag: string; icon: string }[]>;
  const hide = (page: Page, now = true) => page.evaluate(`window.hide(${now})`);

  /** A run that is in progress until `go`. */
  async function slowRun({ github, url }: Awaited<ReturnType<typeof start>>) {
    deploy(github, "pr-slow", COMMIT);
    const hanging = github.fault({ route: "POST /repos/{owner}/{repo}/dispatches" }, { kind: "status", status: 502 });
    const { headers } = await notify(url, { application: "pr-slow" });
    const id = String(headers["x-run-id"]);
    return {
      id,
      /** Ends the run: cancelled. */
      async end() {
        hanging.remove();
        assert.equal((await send(url, { method: "POST", path: `/api/runs/${id}/cancel` })).status, 200);
      },
    };
  }

  const button = (page: Page) => page.getByRole("button", { name: "Notify me when it ends" });

  it("notifies once when a watched run has ended, for any open pages, and shows the run", async (t) => {
    const service = await start(t, { PAGE_NAME: "staging" });
    const run = await slowRun(service);
    const context = await openWindow(t, service.url);
    const page = await open(context, `${service.url}/runs/${run.id}`);
    assert.equal(await button(page).getAttribute("aria-pressed"), "false");
    await button(page).click();
    await page.locator("[data-watch][aria-pressed=true]").waitFor(PATIENCE);
    assert.match((await page.locator("#said").textContent()) ?? "", /You will be notified when it ends/);
    const other = await open(context, `${service.url}/workflows`);
    await run.end();
    await until("a page has notified", async () => {
      return (await notified(page)).length + (await notified(other)).length > 0;
    });
    await page.locator(".title .pill", { hasText: "Cancelled" }).waitFor(PATIENCE);
    const all = [...(await notified(page)), ...(await notified(other))];
    assert.equal(all.length, 1);
    assert.deepEqual([all[0]?.title, all[0]?.tag], ["pr-slow: Cancelled", run.id]);
    assert.match(all[0]?.body ?? "", /^staging · environment-ready/);
    assert.match(all[0]?.icon ?? "", new RegExp(`^${service.url}/assets/\\w+/icon-0\\.svg$`));
    assert.equal(await button(page).count(), 0);
    assert.equal(await page.evaluate("Object.keys(localStorage).filter((each) => each.endsWith('watched')).length"), 0);
  });

  it("notifies from a hidden tab; one tab listens for all", async (t) => {
    const service = await start(t);
    const run = await slowRun(service);
    const context = await openWindow(t, service.url);
    const page = await open(context, `${service.url}/runs/${run.id}`);
    const others = [await open(context, service.url), await open(context, `${service.url}/previews`)];
    await button(page).click();
    await page.locator("[data-watch][aria-pressed=true]").waitFor(PATIENCE);
    for (const each of [page, ...others]) await hide(each);
    // The tab that listens for all is closed: another one takes over.
    await page.close();
    await run.end();
    await until("one of them has notified", async () => {
      return (await Promise.all(others.map(notified))).flat().length > 0;
    });
    const all = (await Promise.all(others.map(notified))).flat();
    assert.deepEqual(
      all.map(({ title }) => title),
      ["pr-slow: Cancelled"],
    );
  });

  it("stops notifying when the reader switches it off", async (t) => {
    const service = await start(t);
    const run = await slowRun(service);
    const context = await openWindow(t, service.url);
    const page = await open(context, `${service.url}/runs/${run.id}`);
    await button(page).click();
    await page.locator("[data-watch][aria-pressed=true]").waitFor(PATIENCE);
    await button(page).click();
    await page.locator("[data-watch][aria-pressed=false]").waitFor(PATIENCE);
    await run.end();
    await page.locator(".title .pill", { hasText: "Cancelled" }).waitFor(PATIENCE);
    assert.deepEqual(await notified(page), []);
  });

  it("reports when the browser does not allow it", async (t) => {
    const service = await start(t);
    const run = await slowRun(service);
    const page = await open(await openWindow(t, service.url, "denied"), `${service.url}/runs/${run.id}`);
    await button(page).click();
    await page
      .getByText(/blocks notifications from this page/)
      .first()
      .waitFor(PATIENCE);
    assert.equal(await button(page).getAttribute("aria-pressed"), "false");
  });
});
