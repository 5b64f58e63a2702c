import assert from "node:assert/strict";
import { after, before, describe, it, type TestContext } from "node:test";
import type { Browser, Page } from "playwright-core";
import { openBrowser, openPage, withoutChromium } from "./support/browser.ts";
import { deploy, notify, send, startService } from "./support/service.ts";
import { httpWorkflow, workflowsFolder } from "./support/workflows.ts";

const CALLER = "caller-token-0123456789";
const COMMIT = "9fceb02d0ae598e95dc970b74767f19372d61af8";
const PATIENCE = { timeout: 60_000 };

/** A run that succeeded, one that was skipped, one that failed, and a rejected request. */
async function startWithRuns(t: TestContext, settings: Record<string, string> = {}) {
  const service = await startService(t, { settings, options: { serverLimits: { drainMs: 200 } } });
  deploy(service.github, "pr-1", COMMIT);
  const authorization = { authorization: `Bearer ${settings.AUTH_TOKENS ?? "none"}` };
  await notify(service.url, { application: "pr-1" }, authorization);
  await notify(service.url, { application: "main" }, authorization);
  const failed = await notify(service.url, { application: "pr-none" }, authorization);
  await notify(service.url, { app: "pr-1" }, authorization);
  return { ...service, failed: String(failed.headers["x-run-id"]) };
}

const names = (page: Page) => page.locator(".run .name").allTextContents();
const isLive = (page: Page) => page.locator('#live[data-kind="live"]').waitFor(PATIENCE);

describe("the page, in a browser", { skip: withoutChromium }, () => {
  let browser: Browser;
  before(async () => {
    browser = await openBrowser();
  });
  after(() => browser?.close());

  it("lists a run that arrives while it is open, announces it, and contacts only the service", async (t) => {
    const { url, github } = await startWithRuns(t);
    const page = await openPage(t, browser);
    await page.goto(url);
    await isLive(page);
    assert.deepEqual(await names(page), ["pr-none", "main", "pr-1"]);
    await page.locator(".run .name").first().focus();
    deploy(github, "pr-2", COMMIT);
    await notify(url, { application: "pr-2" });
    await page.locator(".run .name", { hasText: "pr-2" }).waitFor(PATIENCE);
    assert.deepEqual(await names(page), ["pr-2", "pr-none", "main", "pr-1"]);
    assert.match((await page.locator("#said").textContent()) ?? "", /^Newest run: pr-2, (Running|Success)$/);
    assert.equal(await page.evaluate("document.activeElement.textContent"), "pr-none", "the focus stays where it was");
    await page.locator(".legend", { hasText: "2 success" }).waitFor(PATIENCE);
    await page.goto(`${url}/events`);
    assert.deepEqual(
      page.asked.filter((address) => !address.startsWith(`${url}/`)),
      [],
    );
    assert.deepEqual(page.complaints, []);
  });

  it("shows all of its head and its filters on a phone", async (t) => {
    const folder = workflowsFolder(t, { "comment-preview-url.ts": httpWorkflow("comment-preview-url", "return {};") });
    for (const [PAGE_NAME, most] of [["", 96] as const, ["staging in Frankfurt", 130] as const]) {
      const { url } = await startWithRuns(t, { AUTH_TOKENS: CALLER, WORKFLOWS_DIR: folder, PAGE_NAME });
      const page = await openPage(t, browser, { viewport: { width: 390, height: 844 } });
      await page.goto(url);
      await page.locator("input[name=token]").fill(CALLER);
      await page.keyboard.press("Enter");
      await isLive(page);
      assert.ok(((await page.locator(".top").boundingBox())?.height ?? 999) < most);
      assert.ok(((await page.getByRole("searchbox").boundingBox())?.width ?? 0) > 200);
      const nav = "document.querySelector('.top nav')";
      assert.equal(await page.evaluate(`${nav}.scrollWidth - ${nav}.clientWidth`), 0, "each page can be seen");
    }
  });

  it("shows the newest run without scrolling, on a desktop and on a phone, also below a banner", async (t) => {
    const { url, github } = await startWithRuns(t);
    deploy(github, "pr-2", COMMIT);
    await notify(url, { application: "pr-2" });
    for (const viewport of [
      { width: 1440, height: 900 },
      { width: 390, height: 844 },
    ]) {
      const page = await openPage(t, browser, { viewport });
      for (const state of ["usual", "paused"]) {
        const path = `/workflows/environment-ready/${state === "paused" ? "pause" : "resume"}`;
        const headers = { "content-type": "application/x-www-form-urlencoded", "content-length": "0" };
        await send(url, { method: "POST", path, body: "", headers });
        await page.goto(url);
        await isLive(page);
        assert.equal(await page.locator(".banner").count(), state === "paused" ? 1 : 0);
        const row = await page.locator(".runs .run").first().boundingBox();
        assert.ok(row && row.y + row.height < viewport.height, `${state} at ${viewport.width}: ${JSON.stringify(row)}`);
        const wide = await page.evaluate("document.documentElement.scrollWidth - innerWidth");
        assert.equal(wide, 0, `${state} at ${viewport.width} is wider than the window`);
      }
    }
  });

  it("explains at the field what can be searched and what is invalid, also without JavaScript", async (t) => {
    const { url } = await startWithRuns(t);
    const page = await openPage(t, browser, { javaScriptEnabled: false, viewport: { width: 390, height: 844 } });
    await page.goto(`${url}/workflows`);
    await page.locator("#search-help summary").click();
    const box = await page.locator("#search-help .hint").boundingBox();
    assert.ok(box && box.x >= 0 && box.x + box.width <= 390, JSON.stringify(box));
    await page.getByText("status:failure", { exact: true }).waitFor(PATIENCE);
    await page.getByRole("searchbox").fill("status:failed");
    await page.keyboard.press("Enter");
    await page.getByText("did you mean status:failure?").waitFor(PATIENCE);
    await page.getByRole("searchbox").fill("status:failure");
    await page.keyboard.press("Enter");
    await page.waitForURL(/text=status%3Afailure/);
    assert.deepEqual(await names(page), ["pr-none"]);
    assert.match((await page.locator('.tabs [aria-current="true"]').textContent()) ?? "", /Failure 1/);
  });

  it("keeps a long name beside its icon on a phone", async (t) => {
    const { url } = await startWithRuns(t);
    const long = await notify(url, { application: `pr-${"0123456789-".repeat(6)}` });
    const page = await openPage(t, browser, { viewport: { width: 390, height: 844 } });
    await page.goto(`${url}/runs/${long.headers["x-run-id"]}`);
    const top = async (part: string) => (await page.locator(`.title h1 > ${part}`).boundingBox())?.y ?? 0;
    const height = (await page.locator(".title h1 > span").boundingBox())?.height ?? 0;
    assert.ok((await top("svg")) >= (await top("span")) && (await top("svg")) < (await top("span")) + height);
  });

  it("filters by text and status, in the URL", async (t) => {
    const { url } = await startWithRuns(t);
    const page = await openPage(t, browser);
    await page.goto(url);
    await page.getByRole("searchbox").fill("PR-");
    await page.keyboard.press("Enter");
    await page.waitForURL(/[?&]text=PR-/);
    assert.deepEqual(await names(page), ["pr-none", "main", "pr-1"], "a reason counts too");
    await page.getByRole("link", { name: "Failure 1", exact: true }).click();
    await page.waitForURL(/status=failure/);
    assert.deepEqual(await names(page), ["pr-none"]);
    assert.match(page.url(), /text=PR-/);
    await page.getByRole("searchbox").fill("nothing like it");
    await page.keyboard.press("Enter");
    await page.locator(".why-block").waitFor(PATIENCE);
    assert.doesNotMatch(page.url(), /status=/, "another search is for runs in any status");
  });

  it("names cause and remedy of a failed run, and shows the new attempt of a re-run", async (t) => {
    const { url, github, failed } = await startWithRuns(t);
    const page = await openPage(t, browser);
    await page.goto(`${url}/runs/${failed}`);
    const why = page.getByRole("region", { name: "Why it failed" });
    assert.match((await why.textContent()) ?? "", /there is no configs\/pr\/light\/pr-none\/values\.yaml/);
    assert.match(
      (await why.textContent()) ?? "",
      /Check the application's name.*It is not retried\. Fix this, then re-run\./s,
    );
    assert.equal(await page.getByText(/^Attempt \d$/).count(), 1);

    deploy(github, "pr-none", COMMIT);
    await page.getByRole("button", { name: "Re-run" }).click();
    await page.locator(".pill", { hasText: "Success" }).waitFor(PATIENCE);
    assert.deepEqual(await page.getByText(/^Attempt \d$/).allTextContents(), ["Attempt 1", "Attempt 2"]);
    const commit = page.locator(".facts a", { hasText: "9fceb02" });
    assert.equal(await commit.getAttribute("href"), `${github.url}/acme/shop/commit/${COMMIT}`);
    assert.deepEqual(page.complaints, []);
  });

  it("works with JavaScript off: list, filter, run, re-run", async (t) => {
    const { url, github, failed } = await startWithRuns(t);
    const page = await openPage(t, browser, { javaScriptEnabled: false });
    await page.goto(url);
    await page.getByRole("searchbox").fill("none");
    await page.keyboard.press("Enter");
    await page.waitForURL(/text=none/);
    assert.deepEqual(await names(page), ["pr-none"]);
    await page.getByRole("link", { name: "pr-none" }).click();
    assert.equal(page.url(), `${url}/runs/${failed}`);
    deploy(github, "pr-none", COMMIT);
    await page.getByRole("button", { name: "Re-run" }).click();
    for (let tries = 0; tries < 100; tries++) {
      if ((await page.locator(".pill").textContent()) === "Success") break;
      await page.reload();
    }
    assert.deepEqual(await page.getByText(/^Attempt \d$/).allTextContents(), ["Attempt 1", "Attempt 2"]);
  });

  it("signs in with a token, by a cookie that is not the token, and signs out again", async (t) => {
    const { url, failed } = await startWithRuns(t, { AUTH_TOKENS: CALLER });
    const page = await openPage(t, browser);
    await page.goto(`${url}/runs/${failed}`);
    await page.getByLabel(/AUTH_TOKENS/).fill("wrong-token-0123456789");
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByText("Wrong token.").waitFor(PATIENCE);
    await page.getByLabel(/AUTH_TOKENS/).fill(CALLER);
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByRole("region", { name: "Why it failed" }).waitFor(PATIENCE);
    assert.equal(page.url(), `${url}/runs/${failed}`, "continues to the requested page");
    await isLive(page);
    const [cookie] = await page.context().cookies();
    assert.deepEqual([cookie?.httpOnly, cookie?.sameSite], [true, "Strict"]);
    assert.ok(!cookie?.value.includes(CALLER));

    // The browser does not send such a cookie at first for a link on another site.
    const elsewhere = await page.context().newPage();
    await elsewhere.route("http://elsewhere.example/", (route) =>
      route.fulfill({ contentType: "text/html", body: `<a href="${url}/runs/${failed}">the run</a>` }),
    );
    await elsewhere.goto("http://elsewhere.example/");
    await elsewhere.getByRole("link").click();
    await elsewhere.getByRole("region", { name: "Why it failed" }).waitFor(PATIENCE);
    await elsewhere.close();

    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByLabel(/AUTH_TOKENS/).waitFor(PATIENCE);
    await page.goto(url);
    assert.match(page.url(), /\/sign-in\?next=%2F$/);
  });

  it("shows a hostile name, commit and reason as plain text", async (t) => {
    const { url, github } = await startWithRuns(t);
    const hostile = `pr-"><img src=x onerror=alert(1)><script>alert(1)</script>`;
    const name = hostile.replaceAll("/", "");
    deploy(github, name, `'v1<b>${"x"}</b><svg/onload=alert(1)>'`);
    await notify(url, { application: name });
    await notify(url, { application: `${name}-missing` });
    await notify(url, { application: `<no value>${name}` });
    const page = await openPage(t, browser);
    for (const path of ["/", "/events", "/?text=%22%3E%3Cscript%3Ealert(1)%3C/script%3E&workflow=%3Cimg%3E"]) {
      await page.goto(url + path);
      assert.equal(await page.locator("main img, main script, main b").count(), 0, path);
    }
    await page.goto(url);
    assert.deepEqual((await names(page)).slice(0, 2), [`${name}-missing`, name]);
    await page.locator(".run .name").nth(1).click();
    await page.locator("h1").waitFor(PATIENCE);
    assert.equal(await page.locator("h1 span").textContent(), name);
    assert.match((await page.locator(".facts").textContent()) ?? "", /<b>x<\/b><svg\/onload/);
    assert.equal(await page.locator("main img, main script, main b, main [onload]").count(), 0);
    assert.deepEqual(page.complaints, []);
  });

  for (const reducedMotion of ["no-preference", "reduce"] as const) {
    it(`turns nothing but the icon of what is running, with prefers-reduced-motion: ${reducedMotion}`, async (t) => {
      const { url, github } = await startWithRuns(t);
      deploy(github, "pr-slow", COMMIT);
      github.fault({ route: "POST /repos/{owner}/{repo}/dispatches" }, { kind: "hang" });
      await notify(url, { application: "pr-slow" }, { prefer: "respond-async" });
      const page = await openPage(t, browser, { reducedMotion });
      const turning = () =>
        page.evaluate(`[...document.querySelectorAll("*")].flatMap((each) => {
          const { animationName } = getComputedStyle(each);
          return animationName === "none" ? [] : [[each.nodeName.toLowerCase(), animationName, each.textContent.trim()]];
        })`);
      const expected = reducedMotion === "reduce" ? [] : [["svg", "turn", ""]];
      await page.goto(url);
      await page.locator(".run .is-running").waitFor(PATIENCE);
      assert.deepEqual(await turning(), expected);
      await page.getByRole("link", { name: "pr-slow" }).click();
      await page.locator(".title .pill", { hasText: "Running" }).waitFor(PATIENCE);
      // In its title, and in what happened.
      assert.deepEqual(await turning(), [...expected, ...expected]);
    });
  }

  it("says why a run waits, with times in one zone and without words of failure", async (t) => {
    const { url, github } = await startWithRuns(t);
    const waiting = async (application: string, fault: Parameters<typeof github.fault>[1]) => {
      deploy(github, application, COMMIT);
      const broken = github.fault({ route: "POST /repos/{owner}/{repo}/dispatches" }, fault);
      const { headers } = await notify(url, { application });
      broken.remove();
      return `${url}/runs/${headers["x-run-id"]}`;
    };
    const passing = await waiting("pr-passing", { kind: "status", status: 502 });
    const limited = await waiting("pr-limited", { kind: "limit", secondary: true, retryAfterSeconds: 600 });
    for (const javaScriptEnabled of [true, false]) {
      const page = await openPage(t, browser, { timezoneId: "Asia/Kathmandu", locale: "en-GB", javaScriptEnabled });
      for (const address of [passing, limited, url]) {
        await page.goto(address);
        const box =
          address === url
            ? page.locator(".run", { hasText: "pr-limited" })
            : page.getByRole("region", { name: /Why it waits/ });
        await box.waitFor(PATIENCE);
        if (javaScriptEnabled) await isLive(page);
        const text = (await box.textContent()) ?? "";
        assert.doesNotMatch(text, /fail/i);
        assert.doesNotMatch(text, /\dZ\b/, "a time as machines write it");
        const times = await box.locator("time").evaluateAll((all) => all.map((each) => each.textContent ?? ""));
        const clocks = times.filter((each) => each.includes(":"));
        assert.ok(clocks.length > 0, text);
        for (const clock of clocks) assert.equal(clock.endsWith(" UTC"), !javaScriptEnabled, text);
        assert.equal(text.includes("UTC"), !javaScriptEnabled, text);
        if (address !== url) continue;
        const hours = await page.locator("figure title").allTextContents();
        assert.ok(hours.length > 0);
        for (const hour of hours)
          assert.match(hour, javaScriptEnabled ? /^\d\d:\d\d: 1 success/ : /^\d\d:00 UTC: 1 success/);
      }
    }
  });
});
