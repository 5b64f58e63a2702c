import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { TestContext } from "node:test";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";

const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";

/** False, or why tests that need a browser are skipped. With CHROMIUM_REQUIRED they fail instead. */
export const withoutChromium: string | false =
  existsSync(CHROMIUM) || process.env.CHROMIUM_REQUIRED
    ? false
    : `there is no ${CHROMIUM}: install Debian's package chromium, or set CHROMIUM to where it is`;

const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--disable-dev-shm-usage",
];

/** A browser with a new profile. Close it when done. */
export function openBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath: CHROMIUM, args: FLAGS });
}

export type OpenPage = Page & {
  /** Every address that the page requested. */
  readonly asked: readonly string[];
  /** What the browser complained about: script errors, and what the content security policy blocked. */
  readonly complaints: readonly string[];
};

/** A page in a new window without cookies or cache. It closes with the test. */
export async function openPage(
  t: TestContext,
  browser: Browser,
  options: BrowserContextOptions = {},
): Promise<OpenPage> {
  const context = await browser.newContext(options);
  t.after(() => context.close());
  const page = await context.newPage();
  const asked: string[] = [];
  const complaints: string[] = [];
  page.on("request", (request) => asked.push(request.url()));
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("console", (message) => {
    if (message.type() === "error") complaints.push(message.text());
  });
  return Object.assign(page, { asked, complaints });
}

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/**
 * What axe-core finds wrong with the page in its current state.
 * @param rules all by default. `color-contrast` alone is faster when only colours have changed.
 */
export async function violations(page: Page, rules?: readonly string[]): Promise<string[]> {
  // The content security policy of the page would block it as a script.
  if (!(await page.evaluate("'axe' in window"))) await page.evaluate(axe);
  return page.evaluate(async (only) => {
    // biome-ignore lint/suspicious/noExplicitAny: runs in the browser, where axe was just loaded
    const { axe, document } = globalThis as any;
    const found = await axe.run(document, { resultTypes: ["violations"], ...(only && { runOnly: only }) });
    return found.violations.flatMap(
      // biome-ignore lint/suspicious/noExplicitAny: a result of axe
      ({ id, nodes }: any) => nodes.map(({ html, failureSummary }: any) => `${id}: ${html} ${failureSummary}`),
    );
  }, rules);
}

/** The same in light and dark. What does not depend on colours is checked once. */
export async function violationsInBoth(page: Page): Promise<string[]> {
  const found: string[] = [];
  for (const [colorScheme, rules] of [["light"], ["dark", ["color-contrast"]]] as const) {
    await page.emulateMedia({ colorScheme });
    found.push(...(await violations(page, rules)).map((each) => `${colorScheme}: ${each}`));
  }
  return found;
}
