import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync } from "node:fs";
import { setTimeout as wait } from "node:timers/promises";
import { type Browser, chromium, type Page } from "playwright-core";

/** Takes the screenshots of docs/ and the README from the demo, in Debian's Chromium. */
const FOLDER = "docs/screenshots";

mkdirSync(FOLDER, { recursive: true });
const browser = await chromium.launch({
  executablePath: "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu"],
});
try {
  await fromDemo(browser, {}, async (page, url) => {
    await page.goto(url);
    await shoot(page, "runs");
    await page.goto(`${url}/?status=failure`);
    await page.locator('main a[href^="/runs/"]').first().click();
    await page.waitForURL("**/runs/*");
    await shoot(page, "failed-run");
  });
  await fromDemo(browser, { FOLLOW: "status" }, async (page, url) => {
    await page.goto(`${url}/previews`);
    // The tests of the demo take some seconds, and some fail.
    for (const result of ["Passed", "Failed"]) {
      await page.locator(".previews .pill", { hasText: result }).first().waitFor({ timeout: 120_000 });
    }
    await shoot(page, "previews");
  });
} finally {
  await browser.close();
}

/** Opens a page of a demo with these settings, and ends the demo afterwards. */
async function fromDemo(
  browser: Browser,
  settings: Record<string, string>,
  take: (page: Page, url: string) => Promise<void>,
): Promise<void> {
  const port = String(20_000 + Math.floor(Math.random() * 10_000));
  const demo = spawn(process.execPath, ["sandbox/demo.ts"], {
    env: { ...process.env, PORT: port, ...settings },
    stdio: ["ignore", "pipe", "inherit"],
  });
  try {
    for await (const chunk of demo.stdout.setEncoding("utf8")) if (String(chunk).includes("curl -d")) break;
    const page = await browser.newPage({ viewport: { width: 1280, height: 860 }, colorScheme: "light" });
    await take(page, `http://127.0.0.1:${port}`);
  } finally {
    demo.kill("SIGINT");
    await Promise.race([once(demo, "exit"), wait(15_000)]);
  }
}

async function shoot(page: Page, name: string): Promise<void> {
  await page.screenshot({ path: `${FOLDER}/${name}.png` });
}
