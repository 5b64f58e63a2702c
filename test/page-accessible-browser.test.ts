import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { Browser } from "playwright-core";
import { openBrowser, openPage, violations, withoutChromium } from "./support/browser.ts";
import { openScene } from "./support/scene/scene.ts";
import {
  emptyStates,
  OUTSIDE,
  outsideStates,
  show,
  signIn,
  statesOf,
  statesOfOthers,
  troubledStates,
} from "./support/scene/states.ts";
import { openTroubled } from "./support/scene/troubled.ts";
import { startService } from "./support/service.ts";

const PHONE = { width: 390, height: 844 };
const DESKTOP = { width: 1440, height: 900 };

describe("every page in every state, in a browser", { skip: withoutChromium }, () => {
  let browser: Browser;
  before(async () => {
    browser = await openBrowser();
  });
  after(() => browser?.close());

  // The limit of a suite is not the limit of its tests: that is `--test-timeout`, unless a test has one.
  const patient = { timeout: 400_000 };
  it("passes axe-core in light and dark, and fits on a phone and on a desktop", patient, async (t) => {
    const scene = await openScene(t);
    const empty = await startService(t, { options: { serverLimits: { drainMs: 200 } } });
    const troubled = await openTroubled(t);
    const wrong: string[] = [];
    // Colours are as on the desktop. What depends on the width is the same in light and dark.
    const both = [["light"], ["dark", ["color-contrast"]]] as const;
    const views = (
      [
        [PHONE, [["dark"]]],
        [DESKTOP, both],
      ] as const
    ).map(async ([viewport, schemes]) => {
      const page = await openPage(t, browser, { viewport });
      const look = async (state: Parameters<typeof show>[2]) => {
        await show(page, scene.url, state);
        for (const [colorScheme, rules] of schemes) {
          await page.emulateMedia({ colorScheme });
          const found = await violations(page, rules);
          wrong.push(...found.map((each) => `${state.name}, ${viewport.width}, ${colorScheme}: ${each}`));
        }
        const width = await page.evaluate("document.documentElement.scrollWidth");
        if (width !== viewport.width) wrong.push(`${state.name} is ${width} wide in a window of ${viewport.width}`);
      };
      for (const state of [...OUTSIDE, ...outsideStates(troubled.url)]) await look(state);
      await signIn(page, scene.url);
      for (const state of [...statesOf(scene), ...emptyStates(empty.url)]) await look(state);
      for (const { token, states } of statesOfOthers(scene)) {
        await signIn(page, scene.url, token);
        for (const state of states) await look(state);
      }
      await signIn(page, troubled.url);
      for (const state of troubledStates(troubled.url)) await look(state);
      assert.deepEqual(page.complaints.filter(isComplaint), []);
    });
    await Promise.all(views);
    assert.deepEqual(wrong, []);
  });
});

/** A page of these states may be a 401, 404 or 422. */
const isComplaint = (text: string) => !/responded with a status of 4\d\d/.test(text);
