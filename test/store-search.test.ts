import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { describe, it, type TestContext } from "node:test";
import fc from "fast-check";
import type { RunFilter } from "../src/model/history.ts";
import type { NewRun } from "../src/model/new-run.ts";
import type { Json, LogLine } from "../src/model/run.ts";
import { fold } from "../src/model/search.ts";
import type { RunStore } from "../src/model/store.ts";
import { documentOf, MAX_DOCUMENT_CHARACTERS, needlesOf } from "../src/store/search-document.ts";
import { attemptOf, event, FAILURE, lease, NOW, SUCCESS } from "./store.contract.ts";
import { movedClock } from "./support/clock.ts";
import { postgresForTests } from "./support/postgres.ts";
import { bothStores, type OpenStore } from "./support/stores.ts";

const postgres = await postgresForTests();
const PROPERTY_RUNS = Number(process.env.PROPERTY_RUNS ?? 25);

const line = (message: string, number = 1): LogLine => ({ number, at: NOW, level: "info", message });

async function opened(t: TestContext, open: OpenStore) {
  const { store } = await open(t, movedClock(NOW));
  t.after(() => store.close());
  const accept = async (facts: Partial<NewRun> = {}) => (await store.accept(event(facts), lease())).run;
  const ended = async (facts: Partial<NewRun> = {}, settlement: object = SUCCESS, lines: readonly LogLine[] = []) => {
    const id = await accept(facts);
    const claim = (await store.claim({ ...lease(), limit: 100 })).find(({ run }) => run.id === id);
    assert.ok(claim);
    if (lines.length > 0) await store.saveLines(claim, lines);
    const { status } = settlement as { status: "success" };
    const whole = settlement as Parameters<RunStore["settle"]>[2];
    await store.settle(claim, { ...attemptOf(claim, status), reason: undefined }, whole);
    return id;
  };
  const found = async (filter: RunFilter) => (await store.list(filter, { limit: 100 })).runs.map(({ id }) => id);
  return { store, accept, ended, found };
}

for (const [name, open] of bothStores(postgres)) {
  describe(`${name}: the search`, () => {
    it("finds a run by its lines, its steps' errors and results, and its actors", async (t) => {
      const { store, accept, ended, found } = await opened(t, open);
      const a = await ended({}, SUCCESS, [line("Cloned the repository"), line("retrying in 5 s", 2)]);
      const b = await accept({ input: { note: "Überprüft" }, title: "Release 7" });
      const [claim] = await store.claim({ ...lease(), limit: 1 });
      const step = { kind: "step", attempt: 1, startedAt: NOW, endedAt: NOW, result: undefined } as const;
      await store.saveStep(claim!, { ...step, name: "upload", error: "ECONNRESET by peer" });
      await store.saveStep(claim!, { ...step, name: "count", result: { files: "12 files" }, error: undefined });
      await store.settle(claim!, attemptOf(claim!, "failure"), FAILURE);
      assert.deepEqual(await found({ words: ["cloned THE"] }), [a]);
      assert.deepEqual(await found({ words: ["retrying in 5 s"] }), [a]);
      assert.deepEqual(await found({ words: ["econnreset"] }), [b]);
      assert.deepEqual(await found({ words: ["upload"] }), [b]);
      assert.deepEqual(await found({ words: ["12 files"] }), [b]);
      assert.deepEqual(await found({ words: ["üBERPRÜFT", "release 7"] }), [b]);
      assert.deepEqual(await found({ by: "alice" }), []);
      await store.rerun(b, NOW, { actor: "token alice" });
      assert.deepEqual(await found({ by: "ALICE" }), [b]);
      assert.deepEqual(await found({ by: "token al" }), [b]);
      assert.deepEqual(await found({ by: "lice" }), []);
    });

    it("finds the lines of a running run", async (t) => {
      const { store, accept, found } = await opened(t, open);
      const a = await accept();
      const [claim] = await store.claim({ ...lease(), limit: 1 });
      assert.deepEqual(await found({ words: ["deploy"] }), [a]);
      await store.saveLines(claim!, [line("waiting for the cluster")]);
      assert.deepEqual(await found({ words: ["the cluster"] }), [a]);
      assert.deepEqual(await found({ words: ["the cluster"], status: "running" }), [a]);
      assert.deepEqual(await found({ words: ["the cluster"], status: "queued" }), []);
    });

    it("does not index a running run before a search, because its end will change it", async (t) => {
      const { store, accept, found } = await opened(t, open);
      const a = await accept();
      const [claim] = await store.claim({ ...lease(), limit: 1 });
      const b = await accept({ group: "pr-2" });
      assert.equal(await store.index(25), 1);
      assert.equal(await store.index(25), 0);
      assert.deepEqual(await found({ words: ["deploy"] }), [b, a]);
      await store.settle(claim!, attemptOf(claim!), SUCCESS);
      assert.equal(await store.index(25), 1);
      assert.deepEqual(await found({ status: "success" }), [a]);
    });

    it("indexes a run once that changed often while it was running", async (t) => {
      const { store, accept, found } = await opened(t, open);
      await accept();
      const a = await accept({ group: "pr-2" });
      const [older, newer] = await store.claim({ ...lease(), limit: 2 });
      while ((await store.index(25)) !== 0);
      for (let number = 1; number <= 600; number++) await store.saveLines(newer!, [line("waits", number)]);
      await store.saveLines(older!, [line("the older one")]);
      const { runs, unsearched } = await store.list({ words: ["the older"] }, { limit: 10 });
      assert.deepEqual([runs.map(({ id }) => id), unsearched], [[older?.run.id], undefined]);
      assert.deepEqual(await found({ words: ["waits"] }), [a]);
    });

    it("knows the current state of a run", async (t) => {
      const { store, ended, found } = await opened(t, open);
      const a = await ended({ group: "pr-1" }, { ...FAILURE, reason: "no tag" });
      assert.deepEqual(await found({ words: ["no tag"], status: "failure" }), [a]);
      await store.rerun(a, NOW);
      const [claim] = await store.claim({ ...lease(), limit: 1 });
      await store.settle(claim!, attemptOf(claim!), SUCCESS);
      assert.deepEqual(await found({ words: ["pr-1"], status: "failure" }), []);
      assert.deepEqual(await found({ words: ["pr-1"], status: "success" }), [a]);
    });

    it("forgets deleted runs, even before it indexed them", async (t) => {
      const { store, ended, found } = await opened(t, open);
      await ended({ group: "pr-old" });
      assert.equal((await found({ words: ["pr-old"] })).length, 1);
      await ended({ group: "pr-new" });
      assert.equal(await store.forget(NOW + 1000, 100), 2);
      assert.deepEqual(await found({ words: ["pr-"] }), []);
      assert.equal((await store.list({ words: ["pr-"] }, { limit: 1 })).unsearched, undefined);
      const next = await ended({ group: "pr-next" });
      assert.deepEqual(await found({ words: ["pr-"] }), [next]);
    });

    it("forgets deleted runs, for any number of newer ones that wait", async (t) => {
      const { store, accept, ended } = await opened(t, open);
      for (const group of ["pr-1", "pr-2", "pr-3"]) await ended({ group });
      while ((await store.index(25)) !== 0);
      for (let at = 0; at < 60; at++) await accept({ group: `pr-new-${at}` });
      assert.equal(await store.forget(NOW + 1000, 3), 3);
      assert.equal(await store.index(25), 28);
      assert.equal(await store.index(25), 25);
      assert.equal(await store.index(25), 10);
    });

    it("distinguishes facts from texts that look like them", async (t) => {
      const { ended, found } = await opened(t, open);
      const marks = "\n\uE003acme/shop\n \uE003acme/shop\n\uE1010";
      const a = await ended({ group: marks, input: { text: marks } }, SUCCESS, [line(marks), line("acme/shop", 2)]);
      assert.deepEqual(await found({ repository: "acme/shop" }), []);
      assert.deepEqual(await found({ words: ["acme/shop"] }), [a]);
      assert.deepEqual(await found({ words: [marks] }), [a]);
      assert.deepEqual(await found({ group: marks }), [a]);
    });

    it("finds lines of one character exactly", async (t) => {
      const { ended, found } = await opened(t, open);
      const a = await ended({}, SUCCESS, [line(`${"=".repeat(80)} ${"😀".repeat(30)}`)]);
      const b = await ended({}, SUCCESS, [line("=".repeat(79))]);
      assert.deepEqual(await found({ words: ["=".repeat(79)] }), [b, a]);
      assert.deepEqual(await found({ words: ["=".repeat(80), "😀".repeat(30)] }), [a]);
    });

    it("finds texts of one or two characters among the other results, or the newest runs", async (t) => {
      const { ended, found } = await opened(t, open);
      const a = await ended({ group: "Zürich" }, { ...SUCCESS, outputs: { n: "k%" } });
      const b = await ended({ group: "zebra" });
      assert.deepEqual(await found({ words: ["zü"] }), [a]);
      assert.deepEqual(await found({ words: ["K%"] }), [a]);
      assert.deepEqual(await found({ words: ["z"] }), [b, a]);
      assert.deepEqual(await found({ words: ["zebra", "k%"] }), []);
      assert.deepEqual(await found({ words: ["zürich", "%"] }), [a]);
      assert.deepEqual(await found({ words: [""] }), [b, a]);
    });

    it("treats every text as text, and nothing as an operator", async (t) => {
      const { ended, found } = await opened(t, open);
      const odd = 'a" OR "b NOT c* ^d NEAR(e f) {g}: AND -h (i) \\ % _ \u0000 \ud83d\ude00 \ud800 \u202e';
      const a = await ended({ input: { text: odd } });
      await ended({ input: { text: "a b c d e f g h i" } });
      assert.deepEqual(await found({ words: [odd] }), [a]);
      for (const part of [
        '" OR "',
        "NOT c*",
        "NEAR(",
        "{g}:",
        "AND -h",
        "\\ %",
        "% _",
        "\u0000",
        "\ud83d\ude00",
        "\ud800",
      ]) {
        assert.deepEqual(await found({ words: [part] }), [a], JSON.stringify(part));
      }
      assert.deepEqual(await found({ words: ['x" OR "a'] }), []);
      assert.deepEqual(await found({ words: ["%%%"] }), []);
      assert.deepEqual(await found({ words: ["x".repeat(8192)] }), []);
    });

    it("reads much of a run, but not everything", async (t) => {
      const { ended, found } = await opened(t, open);
      const deep = JSON.parse(`${"[".repeat(5000)}"deepest"${"]".repeat(5000)}`) as Json;
      const a = await ended({
        group: "pr-deep",
        input: { first: "found", deep, long: "y".repeat(300_000), last: "not" },
      });
      const payload = {
        action: "opened",
        number: 7,
        pull_request: { head: { sha: "f".repeat(40) }, body: "z".repeat(200_000) },
      };
      const more = { repository: { id: 1, full_name: "acme/shop" }, sender: { login: "octocat" } };
      const input = { name: "pull_request", delivery: "d", payload: { ...payload, ...more } };
      const b = await ended(
        { trigger: "github", input },
        SUCCESS,
        Array.from({ length: 300 }, (_, n) => line(`line ${n} ${"w".repeat(600)}`, n + 1)),
      );
      assert.deepEqual(await found({ words: ["pr-deep"] }), [a]);
      assert.deepEqual(
        await found({ repository: "shop", pull: 7, by: "octocat", event: "pull_request.opened", commit: "ffff" }),
        [b],
      );
      assert.deepEqual(await found({ words: ["line 299"] }), [b]);
      assert.deepEqual(await found({ words: ["line 1 "] }), []);
    });

    it("returns every run once, page by page, and counts them", async (t) => {
      const { store, accept } = await opened(t, open);
      const ids: string[] = [];
      for (let nth = 0; nth < 7; nth++) ids.unshift(await accept({ group: nth % 2 ? "odd" : "even-group" }));
      for (const words of [["deploy"], ["de"], ["even-group"], ["od"]] as const) {
        const all: string[] = [];
        for (let cursor: string | undefined; ; ) {
          const page = await store.list({ words }, { limit: 2, cursor });
          all.push(...page.runs.map(({ id }) => id));
          if (page.next === undefined) break;
          cursor = page.next;
        }
        const expected = ids.filter((_, nth) => words[0]?.startsWith("de") || nth % 2 === (words[0] === "od" ? 1 : 0));
        assert.deepEqual(all, expected, words[0]);
        const counts = Object.values(await store.counts({ words })).map(({ count }) => count);
        assert.equal(
          counts.reduce((sum, count) => sum + count),
          expected.length,
        );
      }
    });

    it("finds exactly the runs that a scan of all documents finds", async (t) => {
      const { store, ended } = await opened(t, open);
      const letters = fc.constantFrom(...'aAbB ßİıΣς\u0000\ud83d\ude00\ud800"*%_\\()-.\n7éÉ');
      const text = fc.array(letters, { maxLength: 12 }).map((each) => each.join(""));
      const run = fc.record({
        group: fc.option(text),
        reason: text,
        input: fc.oneof(text, fc.array(text), fc.dictionary(text, text)),
      });
      let nth = 0;
      await fc.assert(
        fc.asyncProperty(
          fc.array(run, { minLength: 1, maxLength: 5 }),
          fc.array(fc.array(text, { maxLength: 3 }), { minLength: 4, maxLength: 8 }),
          async (runs, searches) => {
            const workflow = `w${nth++}`;
            const documents: (readonly [id: string, document: string])[] = [];
            for (const { group, reason, input } of runs) {
              const facts = { id: randomUUID(), workflow, group: group ?? undefined, input: input as Json };
              await ended(facts, { status: "skipped", reason });
              const stored = await store.get(facts.id);
              const { run: as } = stored!;
              documents.unshift([
                facts.id,
                documentOf({
                  ...{ id: as.id, workflow, group: as.group ?? null, title: null, status: "skipped", trigger: null },
                  ...{ reason: as.reason ?? null, input: JSON.stringify(as.input), pieces: "", outputs: null },
                  ...{ actors: [], texts: [], sent: [] },
                }),
              ]);
            }
            for (const words of [...searches, ...runs.map(({ reason }) => [reason.slice(1, 6)])]) {
              const filter = { words, workflow };
              const expected = documents.filter(([, document]) =>
                needlesOf(filter).every((each) => document.includes(each)),
              );
              const { runs: found } = await store.list(filter, { limit: 100 });
              assert.deepEqual(
                found.map(({ id }) => id),
                expected.map(([id]) => id),
                JSON.stringify(words),
              );
            }
          },
        ),
        { numRuns: PROPERTY_RUNS },
      );
    });
  });
}

describe("A document", () => {
  const nothing = {
    id: randomUUID(),
    workflow: "w",
    group: null,
    title: null,
    status: "success",
    trigger: null,
  } as const;
  const empty = { ...nothing, reason: null, input: "{}", pieces: "", outputs: null, actors: [], texts: [], sent: [] };

  it("has a limited size for any run", () => {
    const long = "İ".repeat(50_000);
    const wide = JSON.stringify(Object.fromEntries(Array.from({ length: 20_000 }, (_, nth) => [`k${nth}`, `v${nth}`])));
    const document = documentOf({
      ...empty,
      group: long,
      title: long,
      reason: long,
      input: wide,
      outputs: wide,
      texts: [long, long],
    });
    assert.ok(document.length <= MAX_DOCUMENT_CHARACTERS + 1, String(document.length));
    assert.equal(document, document.toWellFormed());
    assert.equal(document, fold(document));
  });

  it("can be made from text that is not JSON", () => {
    for (const input of ["", "{", "null", "[]", "7", '"text"'])
      assert.ok(documentOf({ ...empty, trigger: "github", input }).includes("w"), input);
  });

  it("leaves out addresses, keys and times of webhooks", () => {
    const payload = {
      sender: { login: "octocat", node_id: "MDQ6", url: "https://api", id: 1 },
      created_at: "2026",
      pull_request: { title: "Fix it" },
    };
    const document = documentOf({
      ...empty,
      trigger: "github",
      input: JSON.stringify({ name: "pull_request", payload }),
    });
    assert.match(document, / fix it\n/);
    assert.doesNotMatch(document, /mdq6|https|2026/);
  });
});
