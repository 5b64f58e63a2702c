import assert from "node:assert/strict";
import { after, before, describe, it, type TestContext } from "node:test";
import type { Browser, Page } from "playwright-core";
import { keysFor } from "../src/dashboard/keys.ts";
import { openBrowser, openPage, violations, withoutChromium } from "./support/browser.ts";
import { deploy, notify, send, startService } from "./support/service.ts";

const COMMIT = "9fceb02d0ae598e95dc970b74767f19372d61af8";
const PATIENCE = { timeout: 60_000 };

/** Three runs: pr-none failed, main was skipped, pr-1 succeeded. */
async function startWithRuns(t: TestContext, settings: Record<string, string> = {}) {
  const service = await startService(t, { settings, options: { serverLimits: { drainMs: 200 } } });
  deploy(service.github, "pr-1", COMMIT);
  for (const application of ["pr-1", "main", "pr-none"]) await notify(service.url, { application });
  return service;
}

const isLive = (page: Page) => page.locator('#live[data-kind="live"]').waitFor(PATIENCE);
const focused = (page: Page) => page.evaluate("document.activeElement.textContent.trim()");
const press = async (page: Page, ...keys: string[]) => {
  for (const key of keys) await page.keyboard.press(key);
};

describe("keys, in a browser", { skip: withoutChromium }, () => {
  let browser: Browser;
  before(async () => {
    browser = await openBrowser();
  });
  after(() => browser?.close());

  async function openList(t: TestContext) {
    const { url } = await startWithRuns(t);
    const page = await openPage(t, browser);
    await page.goto(url);
    await isLive(page);
    return { url, page };
  }

  it("j and k step through the rows, whose focus is visible and announced, and Enter opens one", async (t) => {
    const { url, page } = await openList(t);
    await press(page, "k");
    assert.equal(await focused(page), "pr-none", "the first, from wherever the reader is");
    await press(page, "k");
    assert.equal(await focused(page), "pr-none");
    await press(page, "j");
    assert.equal(await focused(page), "main");
    assert.equal(await page.locator("#said").textContent(), "Skipped, 2 of 3");
    assert.equal(await page.evaluate("document.activeElement.matches(':focus-visible')"), true);
    const shade = (at: number) =>
      page.evaluate(`getComputedStyle(document.querySelectorAll("[data-row]")[${at}]).boxShadow`);
    assert.notEqual(await shade(1), "none");
    assert.equal(await shade(0), "none");
    for (const colorScheme of ["light", "dark"] as const) {
      await page.emulateMedia({ colorScheme });
      assert.deepEqual(await violations(page), [], colorScheme);
    }
    await press(page, "j", "j", "j");
    assert.equal(await focused(page), "pr-1");
    const href = await page.locator(".run .name").nth(2).getAttribute("href");
    await press(page, "Enter");
    await page.waitForURL(`${url}${href}`);
    assert.deepEqual(page.complaints, []);
  });

  it("the focused row keeps the focus while runs arrive above it", async (t) => {
    const { url, page } = await openList(t);
    await press(page, "j", "j");
    await notify(url, { application: "main2" });
    await page.locator(".run .name", { hasText: "main2" }).waitFor(PATIENCE);
    assert.equal(await focused(page), "main");
    await press(page, "j");
    assert.equal(await focused(page), "pr-1");
  });

  it("rows without a page get the focus themselves", async (t) => {
    const { url, page } = await openList(t);
    for (const app of ["one", "two"]) await send(url, { method: "POST", path: "/dispatch", body: `{"app":"${app}"` });
    await press(page, "g", "e");
    await page.locator("[data-row]").first().waitFor(PATIENCE);
    await isLive(page);
    await press(page, "j");
    assert.equal(await page.evaluate("document.activeElement === document.querySelector('[data-row]')"), true);
    assert.match((await page.locator("#said").textContent()) ?? "", /^1 of \d+$/);
    assert.deepEqual(await violations(page), []);
  });

  it("g and a letter open a page, and / searches from any searchable page", async (t) => {
    const { url, page } = await openList(t);
    for (const [letter, path] of [
      ["p", "/previews"],
      ["w", "/workflows"],
      ["e", "/events"],
      ["r", "/"],
    ] as const) {
      await press(page, "g", letter);
      await page.waitForURL(new RegExp(`^${url}${path}$`));
      await isLive(page);
    }
    await press(page, "g", "x");
    await press(page, "p", "r");
    assert.equal(page.url(), `${url}/`, "another letter ends it");
    await press(page, "/");
    assert.equal(await page.evaluate("document.activeElement.type"), "search");
    await page.keyboard.type("pr-none/jk?gr");
    const field = page.getByRole("searchbox").first();
    assert.equal(await field.inputValue(), "pr-none/jk?gr", "keys in a field are text");
    await press(page, "Escape");
    assert.equal(await page.evaluate("document.activeElement.nodeName"), "BODY");
    assert.equal(await field.inputValue(), "pr-none/jk?gr", "and the text stays");
    await press(page, "j");
    assert.equal(await focused(page), "pr-none");
  });

  it("? explains the keys in a dialog that Escape closes, and turns them off", async (t) => {
    const { page } = await openList(t);
    await press(page, "j", "?");
    const dialog = page.getByRole("dialog", { name: "Keyboard" });
    await dialog.waitFor(PATIENCE);
    const rows = await dialog.locator("tr").evaluateAll((all) =>
      all.map((row) => ({
        keys: [...row.querySelectorAll("kbd")].map((each) => each.textContent),
        does: row.querySelector("td")?.textContent,
      })),
    );
    assert.deepEqual(
      rows,
      keysFor({ may: () => true }).map(([keys, does]) => ({ keys, does })),
    );
    assert.deepEqual(await violations(page), []);
    await press(page, "j", "g", "w");
    assert.equal(await focused(page), "Close", "no key works below an open dialog");
    await press(page, "Escape");
    assert.equal(await dialog.isVisible(), false);
    assert.equal(await focused(page), "pr-none", "the focus is where it was");
    await press(page, "?", "?");
    assert.equal(await dialog.isVisible(), false);
    await page.locator("#search-help summary").click();
    assert.equal(await page.locator("details[open]").count(), 1);
    await press(page, "Escape");
    assert.equal(await page.locator("details[open]").count(), 0);

    await page.getByRole("button", { name: "Keyboard" }).click();
    await dialog.getByRole("button", { name: "Turn keys off" }).click();
    await dialog.getByRole("button", { name: "Close" }).click();
    await page.reload();
    await isLive(page);
    await press(page, "j", "?", "/");
    assert.equal(await page.evaluate("document.activeElement.nodeName"), "BODY");
    await page.getByRole("button", { name: "Keyboard" }).click();
    await dialog.getByRole("button", { name: "Turn keys on" }).click();
    await press(page, "Escape", "j");
    assert.equal(await dialog.isVisible(), false);
    await page.locator("body").click({ position: { x: 2, y: 300 } });
    await press(page, "j");
    assert.equal(await focused(page), "pr-none");
    assert.deepEqual(page.complaints, []);
  });

  it("no key acts with a modifier, while text is composed, in a field, or if something else handled it", async (t) => {
    const { page } = await openList(t);
    const isUntouched = async (what: string) => {
      assert.equal(await page.evaluate("document.activeElement.nodeName"), "BODY", what);
      assert.equal(await page.locator("dialog[open]").count(), 0, what);
    };
    const send = (init: object) =>
      page.evaluate(
        `document.body.dispatchEvent(new KeyboardEvent("keydown", { bubbles: true, ...${JSON.stringify(init)} }))`,
      );
    for (const key of ["j", "k", "/", "?", "g"]) {
      for (const more of [
        { ctrlKey: true },
        { metaKey: true },
        { altKey: true },
        { isComposing: true },
        { keyCode: 229 },
      ]) {
        await send({ key, ...more });
        await isUntouched(`${key} ${JSON.stringify(more)}`);
      }
    }
    await press(page, "Control+j", "Alt+j", "g");
    await press(page, "Control+w");
    await isUntouched("pressed");
    const url = page.url();
    for (const field of ["<input id=f>", "<textarea id=f></textarea>", "<div id=f contenteditable><b>x</b></div>"]) {
      await page.evaluate(`document.getElementById("f")?.remove();
        document.getElementById("main").insertAdjacentHTML("beforeend", ${JSON.stringify(field)});
        document.getElementById("f").focus();`);
      await page.keyboard.type("jk/?gr");
      assert.equal(await page.evaluate("document.activeElement.id"), "f", field);
      assert.equal(await page.locator("dialog[open]").count(), 0, field);
      assert.equal(page.url(), url);
    }
    await page.evaluate('document.getElementById("f").blur()');
    await send({ key: "j" });
    assert.equal(await focused(page), "pr-none", "the same event without any of that does");
  });

  it("without JavaScript no text promises keys, zones or notifications", async (t) => {
    const { url } = await startWithRuns(t);
    const page = await openPage(t, browser, { javaScriptEnabled: false });
    await page.goto(url);
    for (const name of ["Keyboard", "Show UTC"]) {
      assert.equal(await page.getByRole("button", { name }).count(), 0, name);
    }
    assert.match((await page.locator("footer").textContent()) ?? "", /Times are in UTC\./);
  });
});
