import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { choosing, patternProblem } from "../src/model/filter-patterns.ts";

/**
 * Every row of GitHub's cheat sheet, with what it matches; then names that it does not match.
 * @see https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-syntax#filter-pattern-cheat-sheet
 */
const DOCUMENTED: readonly (readonly [patterns: readonly string[], chosen: string, not: string])[] = [
  // From the explanation of the characters.
  [["Octo*"], "Octocat Octo", "Octo/cat octocat"],
  [["[CB]at"], "Cat Bat", "Rat CBat at"],
  [["[1-2]00"], "100 200", "300 00 1-200"],
  [["[0-9a-z]"], "7 q", "Q -"],
  // Patterns for branches and tags.
  [["feature/*"], "feature/my-branch feature/your-branch", "feature/beta-a/my-branch feature my-feature/a"],
  [["feature/**"], "feature/beta-a/my-branch feature/your-branch feature/mona/the/octocat", "feature features/a"],
  [["main"], "main", "main2 my/main Main"],
  [["releases/mona-the-octocat"], "releases/mona-the-octocat", "releases/mona-the-octocat/2"],
  [["*"], "main releases", "all/the/branches"],
  [["**"], "all/the/branches every/tag main", ""],
  [["*feature"], "mona-feature feature ver-10-feature", "features my/feature"],
  [["v2*"], "v2 v2.0 v2.9", "v1 av2 v2/0"],
  [["v[12].[0-9]+.[0-9]+"], "v1.10.1 v2.0.0", "v3.0.0 v1.10 v1.10.x v1x10x1"],
  // Patterns for file paths.
  [["*"], "README.md server.rb .gitignore", "docs/README.md"],
  [["*.jsx?"], "page.js page.jsx", "page.jsxx page.ts src/page.js"],
  [["**"], "all/the/files.md .github/workflows/a.yml", ""],
  [["*.js"], "app.js index.js .js", "js/index.js app.jsx"],
  [["**.js"], "index.js js/index.js src/js/app.js", "index.jsx"],
  [["docs/*"], "docs/README.md docs/file.txt docs/.keep", "docs/mona/octocat.txt my/docs/README.md"],
  [["docs/**"], "docs/README.md docs/mona/octocat.txt docs/.a/.b", "my/docs/README.md docs"],
  [
    ["docs/**/*.md"],
    "docs/README.md docs/mona/hello-world.md docs/a/markdown/file.md",
    "docs/a.txt docsa.md docs/a.md.txt",
  ],
  [["**/docs/**"], "docs/hello.md dir/docs/my-file.txt space/docs/plan/space.doc", "mydocs/hello.md docs"],
  [["**/README.md"], "README.md js/README.md", "MYREADME.md js/MYREADME.md"],
  [["**/*src/**"], "a/src/app.js my-src/code/js/app.js src/a", "srca/a a/src"],
  [["**/*-post.md"], "my-post.md path/their-post.md", "post.md my-post.mdx"],
  [["**/migrate-*.sql"], "migrate-10909.sql db/migrate-v1.0.sql db/sept/migrate-v1.sql", "db/my-migrate-1.sql"],
  [["*.md", "!README.md"], "hello.md", "README.md docs/hello.md"],
  [["*.md", "!README.md", "README*"], "hello.md README.md README.doc", "docs/README.md"],
  // Elsewhere on the page.
  [
    ["releases/**", "!releases/**-alpha"],
    "releases/10 releases/beta/mona",
    "releases/10-alpha releases/beta/3-alpha main",
  ],
  [
    ["sub-project/**", "!sub-project/docs/**"],
    "sub-project/index.js sub-project/src/index.js",
    "sub-project/docs/readme.md",
  ],
  [["main", "mona/octocat", "releases/**"], "main mona/octocat releases/10", "mona"],
  [["v2", "v1.*"], "v2 v1.1", "v2.0"],
];

describe("filter patterns", () => {
  for (const [patterns, chosen, not] of DOCUMENTED) {
    it(`understand ${patterns.join(" ")} as GitHub's documentation does`, () => {
      const chooses = choosing(patterns);
      const names = `${chosen} ${not}`.split(" ").filter(Boolean);
      assert.deepEqual(names.filter(chooses), chosen.split(" "));
      assert.deepEqual(patterns.map(patternProblem).filter(Boolean), []);
    });
  }

  it("match a character after a backslash literally, and negate only with ! at the beginning", () => {
    assert.deepEqual(["a*b", "axb"].filter(choosing("a\\*b")), ["a*b"]);
    assert.deepEqual(["!a", "a"].filter(choosing("\\!a")), ["!a"]);
    assert.deepEqual(["a!", "a"].filter(choosing("a!")), ["a!"]);
    assert.deepEqual(["?a", "a"].filter(choosing("?a")), ["?a"]);
    assert.deepEqual(["a.b", "axb", "a(b"].filter(choosing(["a.b", "a(b"])), ["a.b", "a(b"]);
  });

  it("repeat a visible character", () => {
    assert.deepEqual(["🦑", "", "🦑🦑", "é"].filter(choosing("🦑+")), ["🦑", "🦑🦑"]);
  });

  it("match nothing if they only exclude", () => {
    assert.equal(choosing("!a")("b"), false);
    assert.equal(choosing([])("b"), false);
  });

  it("mean the same as a matcher that tries every way", () => {
    const piece = fc.constantFrom("a", "b", "/", "*", "**", "**/", "?", "+", "[ab]", "[a-b]", ".", "\\*", "-");
    const pattern = fc.array(piece, { minLength: 1, maxLength: 7 }).map((pieces) => pieces.join(""));
    const name = fc.array(fc.constantFrom("a", "b", "/", ".", "*", "-"), { maxLength: 8 }).map((all) => all.join(""));
    const negated = fc.tuple(fc.boolean(), pattern).map(([not, each]) => (not ? `!${each}` : each));
    fc.assert(
      fc.property(fc.array(negated, { minLength: 1, maxLength: 3 }), name, (patterns, each) => {
        let chosen = false;
        for (const one of patterns) {
          const bare = one.replace(/^!/, "");
          if (everyWay(bare, each)) chosen = bare === one;
        }
        assert.equal(choosing(patterns)(each), chosen);
      }),
      { numRuns: 5000 },
    );
  });

  it("match a name that is made from the pattern", () => {
    const part = fc.oneof(
      fc.constantFrom(...["a", "b", "docs", ".github", "v1.2"].map((text) => [text, text] as const)),
      fc.string({ unit: fc.constantFrom("x", "y", ".") }).map((text) => ["*", text] as const),
      fc.string({ unit: fc.constantFrom("x", "/", ".") }).map((text) => ["**", text] as const),
      fc.constantFrom("0", "5", "9").map((digit) => ["[0-9]", digit] as const),
      fc.integer({ min: 1, max: 3 }).map((times) => ["z+", "z".repeat(times)] as const),
      fc.constantFrom("", "q").map((text) => ["q?", text] as const),
    );
    fc.assert(
      fc.property(
        fc.array(fc.array(part, { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 4 }),
        (folders) => {
          const side = (at: 0 | 1) => folders.map((parts) => parts.map((each) => each[at]).join("")).join("/");
          assert.ok(choosing(side(0))(side(1)), `${side(0)} chooses ${side(1)}`);
        },
      ),
    );
  });

  it("take little time for any pattern and path", () => {
    const path = `${"a".repeat(4095)}b`;
    const hostile = ["a*", "**a", "a+", "a?", "**/", "[a-z]+", "*a?"].map((piece) => piece.repeat(4096 / piece.length));
    const began = process.cpuUsage();
    for (const pattern of hostile) choosing(`${pattern}!`)(path);
    choosing(`${"*a".repeat(20)}c`)(path);
    // Up to 16 million steps each. A backtracking matcher would need longer than the age of the universe.
    assert.ok(process.cpuUsage(began).user < 20_000_000, `${process.cpuUsage(began).user} µs`);
  });

  it("report patterns that GitHub would reject", () => {
    assert.match(patternProblem("v[0-9") ?? "", /has a \[ without a \]/);
    assert.match(patternProblem("v[]") ?? "", /empty \[\]/);
    assert.match(patternProblem("[^a]") ?? "", /cannot exclude characters/);
    assert.match(patternProblem("[!a]") ?? "", /cannot exclude characters/);
    assert.match(patternProblem("[9-0]") ?? "", /has 9-0 in \[9-0\]/);
    assert.match(patternProblem("[a-Z]") ?? "", /has a-Z in/);
    assert.match(patternProblem("[a_]") ?? "", /has _ in/);
    assert.match(patternProblem("+a") ?? "", /begins with \+, which has nothing to repeat: write \\\+/);
    assert.match(patternProblem("a\\") ?? "", /ends with a \\/);
    assert.match(patternProblem("!") ?? "", /got nothing/);
    assert.equal(patternProblem("[a-z0-9A]+"), undefined);
  });
});

/** A reference that shares no code with the matcher: it backtracks over the text of the pattern. */
function everyWay(pattern: string, name: string, isFolder = true): boolean {
  if (pattern === "") return name === "";
  if (isFolder && /^\*\*\/(?![?+])/.test(pattern)) {
    const rest = pattern.slice(3);
    const starts = [...name].flatMap((character, at) => (character === "/" ? [at + 1] : []));
    return [0, ...starts].some((start) => everyWay(rest, name.slice(start)));
  }
  const [all = "", atom = "", marks = ""] = /^(\*\*|\*|\[[^\]]*\]|\\.|.)([?+]*)/s.exec(pattern) ?? [];
  const next = (text: string) => everyWay(pattern.slice(all.length), text, all === "/");
  const takes = (character: string) => {
    if (atom.startsWith("*")) return atom === "**" || character !== "/";
    return atom.startsWith("[") ? "ab".includes(character) : character === atom.at(-1);
  };
  const isMany = atom.startsWith("*") || marks.includes("+");
  const least = atom.startsWith("*") || marks.includes("?") ? 0 : 1;
  for (let length = 0; length <= Math.min(name.length, isMany ? name.length : 1); length++) {
    if (length > 0 && !takes(name.charAt(length - 1))) return false;
    if (length >= least && next(name.slice(length))) return true;
  }
  return false;
}
