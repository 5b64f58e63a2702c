import assert from "node:assert/strict";
import { after, before, describe, it, type TestContext } from "node:test";
import type { Browser, Page } from "playwright-core";
import { type OpenPage, openBrowser, openPage, withoutChromium } from "./support/browser.ts";
import { openScene, type Scene, SHA } from "./support/scene/scene.ts";
import { signIn } from "./support/scene/states.ts";

const PATIENCE = { timeout: 60_000 };

/** What a person on call may do for an answer: two clicks, or one search and one click. */
class Asking {
  readonly page: Page;
  #moves = 0;
  #searches = 0;

  constructor(page: Page) {
    this.page = page;
  }

  async search(text: string): Promise<void> {
    this.#move();
    assert.equal(++this.#searches, 1, "one search is enough");
    const field = this.page.getByRole("searchbox").first();
    await field.fill(text);
    await Promise.all([this.page.waitForURL(/text=/, PATIENCE), field.press("Enter")]);
  }

  async click(role: "link" | "button", name: string | RegExp, within = "body"): Promise<void> {
    this.#move();
    await this.page.locator(within).getByRole(role, { name, exact: true }).first().click(PATIENCE);
  }

  /** Waits until the page shows it, as a person sees it. */
  async reads(what: RegExp, within = "main"): Promise<void> {
    const read = async () => {
      const text = await this.page.evaluate(`document.querySelector(${JSON.stringify(within)})?.innerText ?? ""`);
      return String(text).replaceAll(/\s+/g, " ");
    };
    let text = await read();
    for (let tries = 0; tries < 50 && !what.test(text); tries++) {
      await this.page.waitForTimeout(100);
      text = await read();
    }
    assert.match(text, what);
  }

  #move(): void {
    assert.ok(++this.#moves <= 2, "two moves are enough");
  }
}

type Question = {
  readonly question: string;
  readonly asked: (asking: Asking, scene: Scene) => Promise<void>;
};

const QUESTIONS: readonly Question[] = [
  {
    question: "why did nothing happen for pr-98765, of which nothing was heard",
    async asked(asking) {
      await asking.search("pr-98765");
      await asking.reads(/No event for pr-98765 was accepted/);
      await asking.reads(/kubectl -n argocd get application pr-98765 -o jsonpath=/);
    },
  },
  {
    question: "why did nothing happen for the push of feature/x",
    async asked(asking) {
      await asking.search("feature/x");
      await asking.reads(/deploy: wants the branch main, this is feature\/x/);
    },
  },
  {
    question: "which commit is tested in pr-2002",
    async asked(asking) {
      await asking.search("pr-2002");
      await asking.reads(new RegExp(SHA.slice(0, 7)));
    },
  },
  {
    question: "what failed since lunch, and how many causes are there",
    async asked(asking) {
      await asking.click("link", /^Failure/, "#tabs");
      await asking.click("link", /^24 h$/);
      await asking.reads(/\d+ failures, \d+ causes/);
      const statuses = await asking.page
        .locator(".runs .run svg[role=img]")
        .evaluateAll((all) => all.map((each) => each.getAttribute("aria-label")));
      assert.deepEqual([...new Set(statuses)], ["Failure"]);
    },
  },
  {
    question: "who re-ran pr-gone",
    async asked(asking) {
      await asking.search("pr-gone");
      await asking.click("link", "pr-gone", ".runs");
      await asking.reads(/Re-run by token alice/);
    },
  },
  {
    question: "is GitHub limiting us, and until when",
    async asked(asking) {
      await asking.reads(/GitHub is limiting this service until \d/);
    },
  },
  {
    question: "what runs tonight",
    async asked(asking) {
      await asking.click("link", "Workflows", "nav");
      await asking.reads(/The next 24 hours.*nightly-report 03:00/);
    },
  },
  {
    question: "which previews are red, and why",
    async asked(asking) {
      await asking.click("link", "Previews", "nav");
      await asking.click("link", "Failed", "#tabs");
      await asking.page.waitForURL(/result=failed/, PATIENCE);
      assert.deepEqual(await asking.page.locator(".previews .name").allTextContents(), ["pr-2005", "pr-2002"]);
      await asking.reads(/unit/);
    },
  },
  {
    question: "what did the workflow send that greeted dora",
    async asked(asking) {
      await asking.search("Show prices with tax");
      await asking.click("link", /Show prices with tax/, ".runs");
      await asking.reads(/POST \/repos\/acme\/shop\/issues\/7\/comments.*201/);
      await asking.reads(/Welcome, dora!/);
    },
  },
  {
    question: "did the webhook arrive that closed #7, and what happened then",
    async asked(asking) {
      await asking.click("link", "Events", "nav");
      await asking.reads(/acme\/shop #7 pull_request\.closed .*welcome: wants opened, this is closed/);
    },
  },
  {
    question: "when did the deployment last work, and what has changed since",
    async asked(asking) {
      await asking.search("workflow:deploy status:failure");
      await asking.click("link", "acme/shop", ".runs");
      await asking.reads(/Last success: .*Since then: the code changed from 5f1c0e9a2b77/);
    },
  },
];

describe("a person on call finds out with two clicks, or a search and a click", { skip: withoutChromium }, () => {
  let browser: Browser;
  let scene: Scene;
  const ends: (() => unknown)[] = [];
  const untilAllEnd = { after: (end: () => unknown) => void ends.push(end) } as unknown as TestContext;
  before(async () => {
    browser = await openBrowser();
    scene = await openScene(untilAllEnd);
  });
  after(async () => {
    await browser?.close();
    for (const end of ends) await end();
  });

  for (const javaScriptEnabled of [true, false]) {
    let page: OpenPage | undefined;
    for (const { question, asked } of QUESTIONS) {
      it(`${question}${javaScriptEnabled ? "" : ", without JavaScript"}`, async () => {
        if (!page) {
          page = await openPage(untilAllEnd, browser, { javaScriptEnabled, locale: "en-GB" });
          await signIn(page, scene.url);
        }
        await page.goto(scene.url);
        await asked(new Asking(page), scene);
        assert.deepEqual(page.complaints, []);
      });
    }
  }
});
