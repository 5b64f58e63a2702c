import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { parseArgs } from "node:util";
import { openBrowser } from "../test/support/browser.ts";
import { openScene } from "../test/support/scene/scene.ts";
import {
  emptyStates,
  OUTSIDE,
  outsideStates,
  type State,
  show,
  signIn,
  statesOf,
  statesOfOthers,
  troubledStates,
} from "../test/support/scene/states.ts";
import { openTroubled } from "../test/support/scene/troubled.ts";
import { startService } from "../test/support/service.ts";

/**
 * Screenshots of every page in every state, to look at: on a phone, a tablet and a desktop, in light and dark, whole
 * pages. `npm run screenshots:states -- FOLDER [--only BEGINNING] [--widths 390,1440] [--schemes light,dark]`.
 */
const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    only: { type: "string", default: "" },
    widths: { type: "string", default: "390,768,1440" },
    schemes: { type: "string", default: "light,dark" },
  },
});
const folder = positionals[0] ?? "page-states";
const HEIGHTS: Readonly<Record<string, number>> = { 390: 844, 768: 1024 };

/** Runs the clean-up functions that parts of tests register, in order. */
const ends: (() => unknown)[] = [];
const t = { after: (end: () => unknown) => void ends.push(end) } as unknown as TestContext;

mkdirSync(folder, { recursive: true });
const browser = await openBrowser();
ends.unshift(() => browser.close());
const scene = await openScene(t);
const empty = await startService(t);
const troubled = await openTroubled(t);
const wanted = (states: readonly State[]) => states.filter(({ name }) => name.startsWith(flags.only));

for (const width of flags.widths.split(",")) {
  const viewport = { width: Number(width), height: HEIGHTS[width] ?? 900 };
  const page = await (await browser.newContext({ viewport })).newPage();
  const shoot = async (state: State) => {
    await show(page, scene.url, state);
    for (const scheme of flags.schemes.split(",") as ("light" | "dark")[]) {
      await page.emulateMedia({ colorScheme: scheme });
      await page.screenshot({ path: join(folder, `${state.name}-${width}-${scheme}.png`), fullPage: true });
    }
  };
  for (const state of wanted([...OUTSIDE, ...outsideStates(troubled.url)])) await shoot(state);
  await signIn(page, scene.url);
  for (const state of wanted([...statesOf(scene), ...emptyStates(empty.url)])) await shoot(state);
  for (const { token, states } of statesOfOthers(scene)) {
    await signIn(page, scene.url, token);
    for (const state of wanted(states)) await shoot(state);
  }
  await signIn(page, troubled.url);
  for (const state of wanted(troubledStates(troubled.url))) await shoot(state);
  await page.context().close();
}
for (const end of ends) await end();
