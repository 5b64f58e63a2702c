import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Asked } from "../src/store/reads.ts";
import { type SearchEngine, searchIndex } from "../src/store/search-index.ts";

const EVERY = { from: 0, below: Number.MAX_SAFE_INTEGER };

/** The queries to the index of a database for these search words. */
async function askedFor(...needles: string[]): Promise<readonly string[]> {
  let asked: readonly string[] = [];
  const engine: Pick<SearchEngine, "find"> = {
    async find(texts) {
      asked = texts;
      return { found: [], lookedTo: undefined };
    },
  };
  const dialect = { schema: "main", rows: () => "SELECT 1" };
  const search = searchIndex({ dialect, read: async () => [] } as unknown as Asked, engine as SearchEngine, () => {});
  await search.find(needles, EVERY, 10);
  return asked;
}

describe("The query to an index", () => {
  it("is the whole of a text that has different parts", async () => {
    const texts = [
      "pr-1234",
      "/repos/acme/shop/pulls/7/files was not found",
      "0f1e2d3c4b5a69788796a5b4c3d2e1f001234567",
    ];
    assert.deepEqual(await askedFor(...texts), texts);
  });

  it("is a short piece of a repetitive text, which would delay everything else", async () => {
    for (const text of [
      "=".repeat(80),
      "a".repeat(1000),
      "ab".repeat(400),
      "-=".repeat(20),
      "😀".repeat(300),
      `${"x".repeat(500)}y`,
    ]) {
      const [piece = ""] = await askedFor(text);
      assert.ok(piece.length <= 16 && text.startsWith(piece), piece);
      assert.equal(piece, piece.toWellFormed());
    }
  });
});

describe("A run that cannot be indexed", () => {
  const asked = { dialect: { schema: "main", rows: () => "SELECT 1" }, read: async () => [{ id: "5eed" }] };
  const WARNING = "The search could not index the current state of run 5eed: spoilt";

  function spoilt(skip: SearchEngine["skip"]) {
    const warnings: string[] = [];
    const engine: Pick<SearchEngine, "index" | "skip"> = {
      async index(most, _which, trying) {
        trying(most > 1 ? 9 : 7);
        throw new Error("spoilt");
      },
      skip,
    };
    const search = searchIndex(asked as unknown as Asked, engine as SearchEngine, (text) => warnings.push(text));
    return { search, warnings };
  }

  it("is the one that is skipped, even if a newer one arrives", async () => {
    const skipped: number[] = [];
    const { search, warnings } = spoilt(async (run) => void skipped.push(run));
    assert.equal(await search.index(25), 1);
    assert.deepEqual([skipped, warnings], [[7], [WARNING]]);
  });

  it("is named even if it cannot be skipped", async () => {
    const { search, warnings } = spoilt(() => Promise.reject(new Error("spoilt too")));
    await assert.rejects(search.index(25), { message: "spoilt too" });
    assert.deepEqual(warnings, [WARNING]);
  });
});
