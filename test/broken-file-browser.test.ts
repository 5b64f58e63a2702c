import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import type { Browser } from "playwright-core";
import { openBrowser, openPage, violations, withoutChromium } from "./support/browser.ts";
import { startService } from "./support/service.ts";
import { httpWorkflow, workflowsFolder } from "./support/workflows.ts";

const PATIENCE = { timeout: 60_000 };

describe("a broken workflow file, on an open page", { skip: withoutChromium }, () => {
  let browser: Browser;
  before(async () => {
    browser = await openBrowser();
  });
  after(() => browser?.close());

  for (const [colorScheme, viewport] of [
    ["light", { width: 1280, height: 800 }],
    ["dark", { width: 390, height: 844 }],
  ] as const) {
    it(`appears with its error, and disappears when it is fixed: ${colorScheme}`, async (t) => {
      const folder = workflowsFolder(t, { "first.ts": httpWorkflow("first", "return {};") });
      const { app, url } = await startService(t, {
        settings: { WORKFLOWS_DIR: folder, WORKFLOWS_STRICT: "false" },
        options: { serverLimits: { drainMs: 200 } },
      });
      const page = await openPage(t, browser, { colorScheme, viewport });
      await page.goto(url);
      await page.locator('#live[data-kind="live"]').waitFor(PATIENCE);
      const banner = page.getByRole("region", { name: "Broken workflow files" });
      assert.equal(await banner.count(), 0);

      writeFileSync(join(folder, "first.ts"), "export default {");
      writeFileSync(join(folder, "second.ts"), `throw new Error("<b>x</b>${"long".repeat(300)}");`);
      await app.reload();
      await banner.waitFor(PATIENCE);
      const text = (await banner.textContent()) ?? "";
      assert.match(text, /2 workflow files are broken\..*first\.ts.*SyntaxError.*second\.ts.*<b>x<\/b>/s);
      assert.deepEqual(await violations(page), []);
      const width = "document.documentElement.scrollWidth - document.documentElement.clientWidth";
      assert.equal(await page.evaluate(width), 0, "nothing makes the page wider than the screen");

      writeFileSync(join(folder, "first.ts"), httpWorkflow("first", "return {};"));
      writeFileSync(join(folder, "second.ts"), httpWorkflow("second", "return {};"));
      await app.reload();
      await banner.waitFor({ state: "detached", ...PATIENCE });
      assert.deepEqual(page.complaints, []);
    });
  }
});
