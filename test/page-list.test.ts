import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { filterOf, listPath, listQuery } from "../src/dashboard/list-query.ts";
import { causesOf } from "../src/model/causes.ts";
import type { FailureReason, RunFilter } from "../src/model/history.ts";
import { QUALIFIERS } from "../src/model/search.ts";
import { knownIncidents } from "../src/service/incidents.ts";
import { movedClock } from "./support/clock.ts";
import { aRun, countsOf, NOW, pagesOf, plain } from "./support/pages.ts";
import { send, startService } from "./support/service.ts";
import { httpWorkflow, workflowsFolder } from "./support/workflows.ts";

const HOUR_MS = 3_600_000;

/** The query that this path makes. */
const queryOf = (path: string) => {
  const { searchParams } = new URL(path, "http://page");
  return listQuery((name) => searchParams.get(name) ?? undefined);
};
const meant = (path: string, zone = "UTC") => filterOf(queryOf(path), { now: NOW, zone });

function failure(reason: string, more: Partial<FailureReason> = {}): FailureReason {
  return { id: "a", workflow: "deploy", reason, kind: "permanent", acceptedAt: NOW, ...more };
}

const links = (text: string, part: RegExp) =>
  [...text.matchAll(/<a href="([^"]*)"[^>]*>([\s\S]*?)<\/a>/g)]
    .map(([, href = "", inner = ""]) => [plain(inner).trim(), href.replaceAll("&amp;", "&")] as const)
    .filter(([label]) => part.test(label));

describe("the query of the list", () => {
  it("is the text of the field plus the chosen filters, which take precedence", () => {
    assert.deepEqual(meant("/?text=pr-1+status:failure").filter, { words: ["pr-1"], status: "failure" });
    assert.equal(meant("/?text=pr-1+status:failure&status=success").filter.status, "success");
    assert.equal(meant("/?text=pr-1+status:failure&status=all").filter.status, undefined);
    assert.deepEqual(meant("/?since=24h&workflow=deploy").filter, { workflow: "deploy", since: NOW - 24 * HOUR_MS });
    assert.equal(meant("/?text=since:1h&since=all").filter.since, undefined);
    assert.equal(meant("/?text=since:1h&since=2h").filter.since, NOW - 2 * HOUR_MS);
  });

  it("can be narrowed step by step: earlier choices and the text stay", async () => {
    const all = [{ name: "deploy" }, { name: "welcome" }].map((each) => ({ ...each, on: {}, run: async () => {} }));
    const app = pagesOf({ workflows: { all: all as never } });
    const formOf = async (path: string) =>
      /<form class="narrow"[\s\S]*?<\/form>/.exec(await (await app.request(path)).text())?.[0] ?? "";
    const form = await formOf("/?status=failure&since=24h&until=1h&text=pr");
    assert.match(form, /name="status" value="failure"/);
    assert.match(form, /name="until" value="1h"/);
    assert.match(form, /name="text" value="pr"/);
    assert.match(form, /name="since"[^>]* value="24h"/);
    assert.match(await formOf("/?text=workflow:welcome"), /<option selected>welcome/);
    assert.match(await formOf("/?text=workflow:welcome"), /<option value="\*">All workflows/);
    assert.deepEqual(meant("/?text=workflow:welcome&workflow=*").filter, { workflow: undefined });
  });

  it("reads times of day in the reader's zone", () => {
    const at = (path: string, zone: string) => meant(path, zone).filter.since;
    assert.equal(at("/?since=09:00", "Europe/Zagreb"), Date.UTC(2026, 2, 1, 8));
    assert.equal(at("/?since=09:00", "UTC"), Date.UTC(2026, 2, 1, 9));
    assert.equal(at("/?text=since:09:00", "Europe/Zagreb"), Date.UTC(2026, 2, 1, 8));
  });

  it("causes a message if it is invalid, without a search", async () => {
    const asked: RunFilter[] = [];
    const list = async (filter: RunFilter) => {
      asked.push(filter);
      return { runs: [], next: undefined };
    };
    const app = pagesOf({ runs: { list } });
    for (const [path, words] of [
      ["/?text=status:failed", /status:failed: did you mean status:failure\?/],
      ["/?text=worklow:x", /did you mean workflow:x\?/],
      ["/?since=25:00", /25:00: expected a length of time such as 2h/],
      [`/?text=${"x".repeat(2000)}`, /give at most 1000/],
    ] as const) {
      const answer = await app.request(path);
      const text = await answer.text();
      assert.equal(answer.status, 400, path);
      assert.match(plain(text), words);
      assert.equal(/aria-invalid="true" aria-describedby="search-problems"/.test(text), path.startsWith("/?text="));
      assert.match(text, /This search is not valid/);
      const bulk = await app.request(path.replace("/?", "/bulk/rerun?"));
      assert.equal(bulk.status, 400);
      assert.match(plain(await bulk.text()), words);
    }
    assert.deepEqual(asked, []);
  });

  it("is kept in the address, and read from it", () => {
    const query = { status: "all", since: "13:00", text: 'a "b c" #7', workflow: "x&y" } as const;
    const read = queryOf(listPath(query));
    assert.deepEqual(
      { ...read, until: undefined, before: undefined },
      { ...query, until: undefined, before: undefined },
    );
  });
});

describe("the search field", () => {
  it("is in the top bar of every page, with its qualifiers explained, and keeps the search", async () => {
    const app = pagesOf({ runs: { get: async () => undefined, cancellable: async () => ({ runs: [], more: false }) } });
    for (const path of ["/", "/previews", "/workflows", "/events", "/runs/none", "/bulk/cancel?text=x"]) {
      const text = await (await app.request(path)).text();
      assert.match(text, /<form class="find" role="search" action="\/"/, path);
      for (const { example, meaning } of QUALIFIERS) {
        assert.ok(
          text.includes(`<code>${example}</code>`) && text.includes(`<td>${meaning}</td>`),
          `${path} ${example}`,
        );
      }
    }
    const text = await (await app.request("/?text=%22two+words%22+%3Cb%3E")).text();
    assert.match(text, /id="search" name="text" value="&quot;two words&quot; &lt;b&gt;"/);
  });

  it("is missing on pages of people who may see nothing else", async () => {
    const app = pagesOf({ callbacks: { find: async () => undefined, answer: async () => ({ status: "unknown" }) } });
    assert.doesNotMatch(await (await app.request("/callbacks/none")).text(), /role="search"|<nav/);
    assert.doesNotMatch(await (await app.request("/sign-in")).text(), /role="search"|<nav/);
  });
});

describe("the list of runs", () => {
  const failed = [1, 2].map((n) =>
    aRun({ id: `f-${n}`, group: `pr-${n}`, status: "failure", reason: `No file ${n}.` }),
  );
  const listing = (counts = countsOf({ failure: 2, success: 1200, running: 1 }), reasons: FailureReason[] = []) => {
    const asked: RunFilter[] = [];
    const app = pagesOf({
      runs: {
        list: async () => ({ runs: failed, next: undefined }),
        async counts(filter) {
          asked.push(filter);
          return counts;
        },
        reasons: async () => reasons,
      },
    });
    return { asked, text: async (path: string) => (await app.request(path)).text() };
  };

  it("counts on its tabs the runs of the filter", async () => {
    const { text, asked } = listing();
    const page = await text("/?text=pr&since=24h");
    const tabs = links(/id="tabs"[\s\S]*?<\/nav>/.exec(page)?.[0] ?? "", /./);
    assert.deepEqual(
      tabs.map(([label]) => label),
      [
        "All 1,203",
        "Queued",
        "Running 1",
        "Waiting",
        "Success 1,200",
        "Skipped",
        "Failure 2",
        "Cancelled",
        "Superseded",
      ],
    );
    assert.deepEqual(asked, [{ words: ["pr"], since: NOW - 24 * HOUR_MS }]);
    assert.deepEqual(tabs[6]?.[1], "/?status=failure&since=24h&text=pr");
    assert.deepEqual(tabs[0]?.[1], "/?status=all&since=24h&text=pr");
  });

  it("shows when there are more than it counted", async () => {
    const many = { ...countsOf({}), success: { count: 10_000, more: true } };
    const page = plain(await listing(many).text("/"));
    assert.match(page, /All 10,000\+.*Success 10,000\+/);
  });

  it("has time ranges of one click each, which keep the other choices", async () => {
    const page = await listing().text("/?status=failure&text=pr&before=7");
    const ranges = links(/aria-label="Since"[\s\S]*?<\/nav>/.exec(page)?.[0] ?? "", /./);
    assert.deepEqual(
      ranges.map(([label, href]) => `${label} ${href}`),
      [
        "All /?status=failure&since=all&text=pr",
        ...["1 h", "24 h", "7 d", "30 d"].map(
          (each) => `${each} /?status=failure&since=${each.replace(" ", "")}&text=pr`,
        ),
      ],
    );
  });

  it("marks the searched text in names and reasons, as text", async () => {
    const page = await listing().text(`/?text=${encodeURIComponent("PR-1 file <b>")}`);
    assert.match(page, /<bdi><mark>pr-1<\/mark><\/bdi>/);
    assert.match(page, /No <mark>file<\/mark> 1\./);
    assert.ok(!page.includes("<b>"));
  });

  it("groups failures by their cause, each with its runs and actions", async () => {
    const reasons = [
      ...[1, 2, 3].map((n) => failure(`There is no file for pr-${n}.`, { id: `r${n}`, acceptedAt: NOW - n * HOUR_MS })),
      failure("GitHub answered 502.", { id: "r4", workflow: "welcome" }),
    ];
    const page = await listing(undefined, reasons).text("/?status=failure&workflow=deploy");
    const causes = /<section class="causes"[\s\S]*?<\/section>/.exec(page)?.[0] ?? "";
    assert.match(plain(causes), /4 failures, 2 causes 3 There is no file for … deploy, newest 1 h ago, first 3 h ago/);
    const [show] = links(causes, /^Show$/);
    const [rerun] = links(causes, /^Re-run these…$/);
    assert.deepEqual(meant(show?.[1] ?? ""), {
      filter: { workflow: "deploy", status: "failure", words: ["There is no file for"] },
      words: ["There is no file for"],
      problems: { text: [], beside: [] },
    });
    assert.equal(rerun?.[1], show?.[1]?.replace("/?", "/bulk/rerun?"));
    assert.doesNotMatch(await listing(undefined, reasons).text("/"), /class="causes"/, "only among failures");
    assert.doesNotMatch(await listing(undefined, reasons.slice(0, 1)).text("/?status=failure"), /class="causes"/);
  });

  it("re-runs and cancels exactly what it shows: nothing that comes later, and all of it even if time passes", async () => {
    const filters: unknown[] = [];
    const found = async (filter: object) => {
      filters.push(filter);
      return { runs: failed, more: false };
    };
    const app = pagesOf({
      runs: {
        rerunnable: found,
        rerunAll: async (filter) => ({ results: [], more: (await found(filter)).more }),
      },
    });
    const question = await (await app.request("/bulk/rerun?text=pr&since=2h")).text();
    const action = /method="post" action="([^"]*)"/.exec(question)?.[1]?.replaceAll("&amp;", "&") ?? "";
    assert.equal((await app.request(action, { method: "POST" })).status, 200);
    const its = { words: ["pr"], status: "failure", since: NOW - 2 * HOUR_MS };
    assert.deepEqual(filters, [its, { ...its, until: NOW + 1 }]);
    filters.length = 0;
    const none = await app.request("/bulk/rerun?status=success", { method: "POST" });
    assert.match(plain(await none.text()), /0 re-run, 0 not changed/);
    assert.deepEqual(filters, [], "the list shows no failed run");
  });
});

describe("failures of a service", () => {
  it("are grouped, and each group is found and re-run with its exact runs", async (t) => {
    const { url } = await startService(t, {
      settings: {
        WORKFLOWS_DIR: workflowsFolder(t, {
          "breaks.ts": httpWorkflow(
            "breaks",
            `const { n } = body;
            if (n < 4) throw new Error(\`There is no file "configs/pr-\${n}.yaml" in acme/deployment at \${runId}.\`);
            if (n < 6) throw new Error(\`GitHub answered \${n < 5 ? 404 : 502} to GET /repos/acme/shop/\${n}.\`);
            return { n };`,
          ),
        }),
      },
    });
    const headers = { "content-type": "application/json" };
    for (const n of [1, 2, 3, 4, 5, 6]) {
      await send(url, { method: "POST", path: "/breaks", body: JSON.stringify({ n }), headers });
    }
    const get = async (path: string) => (await send(url, { path })).text;
    const page = await get("/?status=failure");
    assert.match(plain(page), /5 failures, 3 causes 3 The workflow threw Error: There is no file … in … at …/);
    const causes = /<section class="causes"[\s\S]*?<\/section>/.exec(page)?.[0] ?? "";
    const counts: number[] = [];
    for (const [, path] of links(causes, /^Show$/)) {
      counts.push((await get(path)).match(/<li class="run"/g)?.length ?? 0);
    }
    assert.deepEqual(counts, [3, 1, 1]);
    const asked = await Promise.all(links(causes, /^Re-run these…$/).map(([, path]) => get(path)));
    assert.deepEqual(
      asked.map((text) => /Re-run (\d+) failed/.exec(plain(text))?.[1]),
      ["3", "1", "1"],
    );
  });
});

describe("GitHub's incidents", () => {
  it("are named above the runs", async () => {
    const app = pagesOf({ incidents: () => ["Delays in Actions <b>", "Webhooks are late"] });
    const page = await (await app.request("/")).text();
    assert.match(
      plain(page),
      /GitHub reports incidents: Delays in Actions &lt;b&gt;; Webhooks are late\. GitHub’s status/,
    );
    assert.doesNotMatch(await (await pagesOf().request("/")).text(), /GitHub reports/);
  });

  it("are requested in the background, at most every two minutes, and not without a status page", async () => {
    const clock = movedClock(NOW);
    let asked = 0;
    const known = knownIncidents(async () => [`incident ${++asked}`], clock);
    assert.deepEqual(known(), []);
    await Promise.resolve();
    assert.deepEqual([known(), known(), asked], [["incident 1"], ["incident 1"], 1]);
    clock.move(121_000);
    assert.deepEqual(known(), ["incident 1"], "no page waits for GitHub's");
    await Promise.resolve();
    assert.deepEqual(known(), ["incident 2"]);
    assert.deepEqual(knownIncidents(undefined, clock)(), []);
  });
});

describe("a search without a result", () => {
  const start = (found: readonly ReturnType<typeof aRun>[], next?: string) => {
    const asked: string[] = [];
    const app = pagesOf({
      runs: { list: async () => ({ runs: [...found], next }) },
      answers: {
        events: async () => ({ events: [], next: undefined, rejected: [], problems: [] }),
        async why(text) {
          asked.push(text);
          const command = "kubectl -n argocd get app pr-1";
          return {
            text,
            isKnown: false,
            answer: "No <event> came.",
            findings: [{ what: "check", text: "Look.", command }],
          };
        },
      },
    });
    return { asked, text: async (path: string) => (await app.request(path)).text() };
  };

  it("shows why nothing happened", async () => {
    const { asked, text } = start([]);
    const page = await text("/?text=pr-1+app:x");
    assert.match(page, /No &lt;event&gt; came\..*<code>kubectl -n argocd get app pr-1<\/code>/s);
    const [, copied] = /data-copy="([^"]+)"/.exec(page) ?? [];
    assert.match(page, new RegExp(`<pre id="${copied}"`), "it can be copied by a button");
    assert.doesNotMatch(page, /No run matches/);
    assert.deepEqual(asked, ["pr-1 app:x"]);
  });

  it("shows no explanation without a search, or before older runs are searched", async () => {
    for (const [path, next] of [
      ["/?status=failure", undefined],
      ["/?text=pr-1", "7"],
      ["/?text=status:x", undefined],
    ] as const) {
      const { asked, text } = start([], next);
      const page = await text(path);
      assert.deepEqual(asked, [], path);
      if (next) assert.match(page, /No run found so far\..*Older runs have not been searched.*Search older runs/s);
    }
  });

  it("links to the explanation if runs were found", async () => {
    const { asked, text } = start([aRun()]);
    const [, href] = links(await text("/?text=pr-1"), /Why is there no newer run/)[0] ?? [];
    assert.deepEqual(asked, []);
    const page = await text(href ?? "");
    assert.match(page, /No &lt;event&gt; came.*<ul class="runs">/s);
    assert.deepEqual(asked, ["pr-1"]);
    assert.equal(links(await text("/"), /Why/).length, 0);
  });
});

describe("the cause of failures", () => {
  const grouped = (...reasons: string[]) =>
    causesOf(reasons.map((reason, at) => failure(reason, { id: `r${at}`, acceptedAt: NOW - at }))).map(
      ({ count, text }) => `${count} ${text}`,
    );

  it("is the same if only names, numbers, hashes, times and addresses differ", () => {
    assert.deepEqual(
      grouped(
        'reading configs/pr/light/pr-1/values.yaml in acme/deployment failed: there is no such file at "main"',
        'reading configs/pr/light/pr-22/values.yaml in acme/deployment failed: there is no such file at "feature/x"',
      ),
      ["2 reading … in … failed: there is no such file at …"],
    );
    assert.deepEqual(
      grouped(
        "The commit 9fceb02d0ae598e95dc970b74767f19372d61af8 is gone since 2026-03-01T11:00:00.000Z.",
        "The commit 1234567 is gone since 2026-02-01T09:30:00.000Z.",
      ),
      ["2 The commit … is gone since …"],
    );
    assert.deepEqual(grouped("Waited 12 min for https://a.example/x", "Waited 3 min for https://b.example/y?z"), [
      "2 Waited … min for …",
    ]);
  });

  it("is another one if a status in a quoted text differs, or the whole text", () => {
    for (const said of [
      "returned ",
      "responded with ",
      "answered with ",
      "failed: status=",
      "status: ",
      "with code ",
    ]) {
      const two = causesOf([failure(`The registry ${said}401`), failure(`The registry ${said}503`)]);
      assert.deepEqual(
        two.map(({ count }) => count),
        [1, 1],
        said,
      );
    }
    assert.equal(causesOf([failure("It returned 3 rows"), failure("It returned 12 rows")]).length, 1);
    assert.equal(causesOf([failure("404"), failure("500")]).length, 2);
    assert.equal(causesOf([failure('"no such tag"'), failure('"no such branch"')]).length, 2);
  });

  it("is another one if the status of an answer differs, or the words", () => {
    assert.deepEqual(grouped("GitHub answered 404 to GET /a/b", "GitHub answered 502 to GET /a/c", "It is broken"), [
      "1 GitHub answered 404 to GET /a/b",
      "1 GitHub answered 502 to GET /a/c",
      "1 It is broken",
    ]);
  });

  it("has the most frequent first, with its newest and its first run and its workflows", () => {
    const [first, second] = causesOf([
      failure("no 1", { id: "a", acceptedAt: NOW - 5 }),
      failure("yes", { id: "b", acceptedAt: NOW }),
      failure("no 2", { id: "c", acceptedAt: NOW - 1, workflow: "other" }),
    ]);
    assert.deepEqual(
      { ...first, words: undefined },
      {
        text: "no …",
        count: 2,
        workflows: ["other", "deploy"],
        newest: { id: "c", at: NOW - 1 },
        firstAt: NOW - 5,
        words: undefined,
      },
    );
    assert.equal(second?.text, "yes");
  });

  it("is found again by its words in every reason, with a valid search", () => {
    const reasons = [
      ...['a "b" c', "12", '""', "…", "x".repeat(3000), "two\n\nlines  and 12 gaps", "since:now is wrong for pr-12"],
      'dispatching to acme/shop failed: GitHub answered 422 "Invalid request. \\"x\\"" to POST /repos/acme/shop/dispatches.',
      "Error: Cannot read properties of undefined (reading 'number')",
    ];
    for (const reason of reasons) {
      const [{ words } = { words: [] }] = causesOf([failure(reason)]);
      assert.equal(words.length > 0, reason !== '""', reason);
      const text = words.map((word) => `"${word}"`).join(" ");
      const search = meant(`/?${new URLSearchParams({ text })}`);
      assert.deepEqual(search.problems.text, [], text);
      for (const word of search.words) assert.ok(reason.includes(word), `${word} is not in ${reason}`);
    }
  });

  it("is found in long and odd reasons of others: no pattern takes endless time", () => {
    for (const odd of ["a.", "1-", "/", '"', "#+", "a/", "answered "]) {
      const causes = causesOf(Array.from({ length: 200 }, (_, at) => failure(odd.repeat(2000) + at)));
      assert.equal(
        causes.reduce((sum, { count }) => sum + count, 0),
        200,
        odd,
      );
    }
  });
});
