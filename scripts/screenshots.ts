import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync } from "node:fs";
import { setTimeout as wait } from "node:timers/promises";
import { chromium, type Page } from "playwright-core";

/** Takes the pictures of docs/operations.md and the README from the demo, in Debian's Chromium. */
const FOLDER = "docs/screenshots";
const PORT = 20_000 + Math.floor(Math.random() * 10_000);
const url = `http://127.0.0.1:${PORT}`;

const demo = spawn(process.execPath, ["sandbox/demo.ts"], {
  env: { ...process.env, PORT: String(PORT) },
  stdio: ["ignore", "pipe", "inherit"],
});
try {
  for await (const chunk of demo.stdout.setEncoding("utf8")) if (String(chunk).includes("curl -d")) break;
  const browser = await chromium.launch({
    executablePath: "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu"],
  });
  try {
    mkdirSync(FOLDER, { recursive: true });
    const page = await browser.newPage({ viewport: { width: 1280, height: 860 }, colorScheme: "light" });
    await page.goto(url);
    await shoot(page, "runs");
    await page.goto(`${url}/?status=failure`);
    await page.locator('main a[href^="/runs/"]').first().click();
    await page.waitForURL("**/runs/*");
    await shoot(page, "failed-run");
  } finally {
    await browser.close();
  }
} finally {
  demo.kill("SIGINT");
  await Promise.race([once(demo, "exit"), wait(15_000)]);
}

async function shoot(page: Page, name: string): Promise<void> {
  await page.screenshot({ path: `${FOLDER}/${name}.png` });
}
