import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import { openBrowser, violations, withoutChromium } from "./support/browser.ts";
import { ALICE, startWithIssuer } from "./support/signing-in.ts";

const SHOTS = process.env.SHOTS;

describe("a browser", { skip: withoutChromium }, () => {
  const opening = withoutChromium ? undefined : openBrowser();
  after(async () => (await opening)?.close());

  for (const javaScriptEnabled of [true, false]) {
    it(`signs in at the issuer, comes back, and signs out everywhere, ${javaScriptEnabled ? "with" : "without"} JavaScript`, async (t) => {
      const { url } = await startWithIssuer(t, {
        settings: { AUTH_TOKENS: "a-token-of-a-person-0123456789", PAGE_NAME: "staging" },
      });
      const browser = (await opening)!;
      const colorScheme = javaScriptEnabled ? "light" : "dark";
      const context = await browser.newContext({
        javaScriptEnabled,
        colorScheme,
        viewport: { width: 1440, height: 900 },
      });
      t.after(() => context.close());
      const page = await context.newPage();
      const look = async (name: string) => {
        if (SHOTS === undefined) return;
        await page.screenshot({ path: `${SHOTS}/${name}-${colorScheme}.png` });
        await page.setViewportSize({ width: 390, height: 800 });
        await page.screenshot({ path: `${SHOTS}/${name}-${colorScheme}-390.png` });
        await page.setViewportSize({ width: 1440, height: 900 });
      };
      await page.goto(`${url}/workflows`);
      assert.equal(new URL(page.url()).pathname, "/sign-in");
      await look("sign-in");
      if (javaScriptEnabled) assert.deepEqual(await violations(page), []);
      await page.click("text=Sign in with 127.0.0.1");
      await page.waitForURL(`${url}/workflows`);
      assert.match((await page.textContent("header")) ?? "", new RegExp(String(ALICE.email)));
      await look("signed-in");

      await page.goto(`${url}/session`);
      await look("session");
      if (javaScriptEnabled) assert.deepEqual(await violations(page), []);
      await page.click("text=Sign out everywhere");
      await page.waitForURL(`${url}/sign-in`);
      await page.goto(`${url}/workflows`);
      assert.equal(new URL(page.url()).pathname, "/sign-in");

      await page.goto(`${url}/sign-in/oidc/callback?code=x&state=y`);
      assert.match((await page.textContent("main")) ?? "", /You are not signed in/);
      await look("failed");
    });
  }
});
