import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { keysFor, NAVIGATION } from "../src/dashboard/keys.ts";
import { readConfig } from "../src/service/config/config.ts";
import { aRun, NOW, pagesOf } from "./support/pages.ts";
import { notify, send, startService } from "./support/service.ts";

const CALLER = "caller-token-0123456789";
const bearer = { authorization: `Bearer ${CALLER}` };

/** The address of the icon in a page. */
const iconIn = (text: string) => /<link rel="icon" href="([^"]+)"/.exec(text)?.[1] ?? "";
const titleIn = (text: string) => /<title>([^<]*)<\/title>/.exec(text)?.[1];

describe("an installation with a name and a colour", () => {
  it("shows both in the bar, the title, the icon and on the sign-in page", async (t) => {
    const { url } = await startService(t, {
      settings: { AUTH_TOKENS: CALLER, PAGE_NAME: "R&D <staging>", PAGE_COLOR: "#fd0" },
    });
    for (const [path, title, headers] of [
      ["/", "Runs", bearer],
      ["/workflows", "Workflows", bearer],
      ["/sign-in", "Sign in", {}],
    ] as const) {
      const { text } = await send(url, { path, headers });
      assert.equal(titleIn(text), `${title} · R&amp;D &lt;staging&gt; · gh-runner`);
      assert.match(text, /<b class="installation"[^>]*>R&amp;D &lt;staging&gt;<\/b>/);
      if (path === "/sign-in") assert.match(text, /<h1>Sign in to R&amp;D &lt;staging&gt;<\/h1>/);
      const icon = await send(url, { path: iconIn(text) });
      assert.deepEqual([icon.status, icon.headers["content-type"]], [200, "image/svg+xml"]);
      assert.match(icon.text, /fill="#ffdd00".*fill="#000000"/);
      const [, style = ""] = /<link rel="stylesheet" href="([^"]+)"/.exec(text) ?? [];
      assert.match((await send(url, { path: style })).text, /--brand: #ffdd00; --brand-text: #000000;/);
    }
  });

  it("looks the same without them", async () => {
    const text = await (await pagesOf().request("/")).text();
    assert.equal(titleIn(text), "Runs · gh-runner");
    assert.doesNotMatch(text, /class="installation"/);
  });

  it("needs a visible name and colour to start", () => {
    const problem = (settings: Record<string, string>) => {
      assert.throws(() => readConfig(settings), /PAGE_/);
      try {
        readConfig(settings);
      } catch (error) {
        return (error as Error).message;
      }
    };
    assert.match(problem({ PAGE_NAME: "n".repeat(41) }) ?? "", /PAGE_NAME: expected up to 40 characters, got 41/);
    assert.match(problem({ PAGE_NAME: "pro\u202ed" }) ?? "", /PAGE_NAME: contains invisible characters/);
    const color = problem({ PAGE_COLOR: "red" }) ?? "";
    assert.match(color, /PAGE_COLOR: expected a colour such as #bf3989 or #b38, got "red"/);
    assert.match(problem({ PAGE_TIME: "CET" }) ?? "", /PAGE_TIME: expected local or utc, got "CET"/);
  });
});

describe("failures of the last hour", () => {
  it("are in the icon and the title of every page for those who may see runs, without a script", async (t) => {
    const { url } = await startService(t, { settings: { AUTH_TOKENS: CALLER } });
    const look = async (path: string, headers = {}) => (await send(url, { path, headers })).text;
    assert.equal(titleIn(await look("/", bearer)), "Runs · gh-runner");
    for (const application of ["pr-1", "pr-2"]) {
      assert.equal((await notify(url, { application }, bearer)).status, 404);
    }
    for (const path of ["/", "/previews", "/workflows"]) {
      const text = await look(path, bearer);
      assert.match(titleIn(text) ?? "", /^\(2\) /, path);
      assert.match(iconIn(text), /\/icon-2\.svg$/, path);
      assert.match(await look(iconIn(text)), />2<\/text>/);
    }
    const signIn = await look("/sign-in");
    assert.equal(titleIn(signIn), "Sign in · gh-runner");
    assert.match(iconIn(signIn), /\/icon-0\.svg$/);
    assert.doesNotMatch(await look(iconIn(signIn)), /<text/);
  });

  it("are counted for the last hour, up to 9+", async () => {
    for (const [count, title, icon] of [
      [9, /^\(9\) Runs/, 9],
      [10, /^\(9\+\) Runs/, 10],
      [100, /^\(9\+\) Runs/, 10],
    ] as const) {
      const since: number[] = [];
      const app = pagesOf({
        overview: {
          activity: () => Promise.reject(new Error("not asked for")),
          revision: async () => "1",
          async failures(from) {
            since.push(from);
            return count;
          },
        },
        runs: { get: async () => ({ run: aRun(), attempts: [], steps: [], superseded: [], actions: [] }) },
      });
      const text = await (await app.request("/workflows")).text();
      assert.match(titleIn(text)?.replace("Workflows", "Runs") ?? "", title);
      assert.match(iconIn(text), new RegExp(`/icon-${icon}\\.svg$`));
      assert.deepEqual(since, [NOW - 3_600_000]);
      const drawn = await (await app.request(iconIn(text))).text();
      assert.match(drawn, count === 9 ? />9<\/text>/ : />9\+<\/text>/);
    }
  });

  it("make one icon per number, each of which browsers cache forever", async () => {
    const app = pagesOf();
    const icon = iconIn(await (await app.request("/")).text());
    const { headers } = await app.request(icon);
    assert.equal(headers.get("cache-control"), "public, max-age=31536000, immutable");
    assert.equal((await app.request(icon.replace("icon-0", "icon-11"))).status, 404);
  });
});

describe("the zone of a reader", () => {
  it("is used for times in a search, as the page's script reports it", async () => {
    for (const [cookie, since] of [
      ["gh-runner-zone=Europe%2FBerlin", "2026-03-01T11:30:00Z"],
      ["other=1; gh-runner-zone=Asia/Kathmandu", "2026-03-01T06:45:00Z"],
      ["gh-runner-zone=UTC", "2026-02-28T12:30:00Z"],
      ["", "2026-02-28T12:30:00Z"],
      ["gh-runner-zone=%2B01:00", "2026-02-28T12:30:00Z"],
      [`gh-runner-zone=${"Europe/".repeat(1000)}`, "2026-02-28T12:30:00Z"],
      ["gh-runner-zone=__proto__", "2026-02-28T12:30:00Z"],
    ] as const) {
      const asked: (number | undefined)[] = [];
      const app = pagesOf({
        runs: {
          async list(filter) {
            asked.push(filter.since);
            return { runs: [], next: undefined };
          },
        },
      });
      const answer = await app.request("/?text=since:12:30", { headers: { cookie } });
      assert.equal(answer.status, 200);
      assert.deepEqual(asked[0] && new Date(asked[0]), new Date(since), cookie.slice(0, 60));
    }
  });
});

describe("keys", () => {
  it("are documented with the pages that they open", () => {
    const document = readFileSync(new URL("../docs/api.md", import.meta.url), "utf8");
    const rows = [...document.matchAll(/^\| (`[^|]+`) +\| ([^|]+?) +\|$/gm)].map(
      ([, keys, does]) => [keys, does] as const,
    );
    const either = (words: readonly string[]) => `${words.slice(0, -1).join(", ")} or ${words.at(-1)}`;
    const letters = either(NAVIGATION.map(({ letter }) => `\`${letter}\``));
    const pages = either(NAVIGATION.map(({ text }) => text));
    assert.ok(
      rows.some(([keys, does]) => keys === `\`g\` then ${letters}` && does === `open ${pages}`),
      `docs/api.md has no row: \`g\` then ${letters} | open ${pages}`,
    );
    for (const [keys] of keysFor({ may: () => true }))
      for (const key of keys) assert.ok(document.includes(`\`${key}\``), key);
  });
});
