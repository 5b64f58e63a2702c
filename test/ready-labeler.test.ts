import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import * as yaml from "js-yaml";
import { Minimatch } from "minimatch";
import type { StandInGitHub } from "../sandbox/github.ts";
import { testRun } from "../sandbox/testing.ts";
import type { WebhookEvent } from "../src/index.ts";
import { labeler } from "../src/workflows/index.ts";
import { readLabelerFile } from "../src/workflows/ready/labeler-file.ts";
import { allMatch } from "../src/workflows/ready/labeler-rules.ts";
import { payloadOf } from "./support/example.ts";

const REPOSITORY = "Codertocat/Hello-World";
const FILE = ".github/labeler.yml";
const ADD = `POST /repos/${REPOSITORY}/issues/2/labels`;

const payload = payloadOf("pull_request", ({ action }) => action === "opened");
const opened = { name: "pull_request", delivery: "1", payload } as WebhookEvent<"pull_request">;

type Pull = Partial<Parameters<ReturnType<StandInGitHub["repository"]>["openPull"]>[0]>;

/** Runs it for pull request 2, in a repository with this configuration. */
function label(file: string | undefined, pull: Pull, options: Parameters<typeof labeler>[0] = {}) {
  return testRun(
    labeler(options),
    { event: opened },
    {
      prepare(github) {
        const repository = github.repository(REPOSITORY);
        if (file !== undefined) repository.put(FILE, file);
        repository.openPull({ number: 2, files: ["docs/a.md"], ...pull });
      },
    },
  );
}

const sent = (run: Awaited<ReturnType<typeof label>>) => run.sent.map(({ method, path }) => `${method} ${path}`);
const labelsOf = ({ github }: Awaited<ReturnType<typeof label>>) => github.repository(REPOSITORY).pulls.get(2)?.labels;

describe("labeler", () => {
  const DOCS = `documentation:\n- changed-files:\n  - any-glob-to-any-file: docs/**\n`;

  it("labels a pull request by the configuration on its base branch", async () => {
    const run = await label(`${DOCS}source:\n- changed-files:\n  - any-glob-to-any-file: 'src/**'\n`, {});
    assert.deepEqual(
      [run.run.status, run.run.outputs],
      ["success", { newLabels: ["documentation"], allLabels: ["documentation"] }],
    );
    assert.deepEqual(labelsOf(run), ["documentation"]);
    const read = run.github.requests.filter(({ path }) => path.endsWith("labeler.yml"));
    assert.deepEqual(
      read.map(({ query }) => new URLSearchParams(query).get("ref")),
      ["main"],
    );
    assert.deepEqual(
      run.log.map(({ message }) => message),
      ["labels added to #2: documentation"],
    );
  });

  it("does not add labels that are there, in upper or lower case", async () => {
    const run = await label(DOCS, { labels: ["Documentation", "mine"] });
    assert.deepEqual(sent(run), []);
    assert.deepEqual(run.run.outputs, { newLabels: [], allLabels: ["Documentation", "mine"] });
  });

  it("removes labels that no longer match with syncLabels, but none that a person has added", async () => {
    const file = `${DOCS}source:\n- head-branch: ^source\n`;
    const run = await label(file, { labels: ["source", "mine"] }, { syncLabels: true });
    assert.deepEqual(labelsOf(run), ["mine", "documentation"]);
    assert.deepEqual(run.run.outputs, { newLabels: ["documentation"], allLabels: ["mine", "documentation"] });
    const kept = await label(file, { labels: ["source", "mine"] });
    assert.deepEqual(labelsOf(kept), ["source", "mine", "documentation"]);
  });

  it("handles labels with a slash, and the same label in another case", async () => {
    const file = `area/docs:\n- head-branch: ^never\nDocs:\n- base-branch: main\ndocs:\n- head-branch: ^never\n`;
    assert.deepEqual(labelsOf(await label(file, { labels: ["area/docs", "docs"] }, { syncLabels: true })), ["docs"]);
  });

  it("matches branches, and paths that begin with a dot by default", async () => {
    const file = `main:\n- base-branch: ^main$\nfix:\n- head-branch: ['^fix/', '^bug/']\nci:\n- changed-files:\n  - any-glob-to-any-file: '**'\n`;
    const pull = { head: { ref: "bug/1", sha: "d".repeat(40) }, files: [".github/workflows/ci.yml"] };
    assert.deepEqual(labelsOf(await label(file, pull)), ["main", "fix", "ci"]);
    assert.deepEqual(labelsOf(await label(file, pull, { dot: false })), ["main", "fix"]);
  });

  it("reads the configuration from another path, or from another repository", async () => {
    const run = await testRun(
      labeler({ configurationPath: "labels.yml", configurationRepository: "acme/shop" }),
      { event: opened },
      {
        prepare(github) {
          github.repository("acme/shop").put("labels.yml", DOCS);
          github.repository(REPOSITORY).openPull({ number: 2, files: ["docs/a.md"] });
        },
      },
    );
    assert.deepEqual(labelsOf(run), ["documentation"]);
  });

  it("reads all files of a large pull request", async () => {
    const files = [...Array.from({ length: 250 }, (_, at) => `src/${at}.ts`), "docs/a.md"];
    assert.deepEqual(labelsOf(await label(DOCS, { files })), ["documentation"]);
  });

  it("respects max-files-changed and changed-files-labels-limit", async () => {
    const rules = `${DOCS}other:\n- changed-files:\n  - any-glob-to-any-file: '**'\nmain:\n- base-branch: main\n`;
    const few = await label(
      `max-files-changed: 1\n${rules}`,
      { files: ["docs/a.md", "b"], labels: ["documentation"] },
      { syncLabels: true },
    );
    assert.deepEqual(labelsOf(few), ["documentation", "main"]);
    assert.match(few.log.map(({ message }) => message).join(), /2 changed files are more than max-files-changed \(1\)/);
    const limited = await label(`changed-files-labels-limit: 1\n${rules}`, {});
    assert.deepEqual(labelsOf(limited), ["main"]);
    assert.deepEqual(labelsOf(await label(`changed-files-labels-limit: 2\n${rules}`, {})), [
      "documentation",
      "other",
      "main",
    ]);
  });

  it("sets at most the 100 labels that GitHub allows, and reports which are left out", async () => {
    const labels = Array.from({ length: 99 }, (_, at) => `has-${at}`);
    const run = await label(`one:\n- base-branch: main\ntwo:\n- base-branch: main\n`, { labels: [...labels] });
    assert.deepEqual(labelsOf(run), [...labels, "one"]);
    assert.match(run.log.map(({ message }) => message).join(), /up to 100 labels, left out: two/);
  });

  it("is skipped without a configuration, and without changed files", async () => {
    const without = await label(undefined, {});
    assert.deepEqual(
      [without.run.status, without.run.reason],
      ["skipped", `there is no ${FILE} of ${REPOSITORY} at main`],
    );
    assert.equal((await label(DOCS, { files: [] })).run.reason, "#2 has no changed files");
  });

  it("can be started by hand with the numbers of pull requests", async () => {
    const inputs = { pullRequests: [2, 7], repository: REPOSITORY };
    const run = await testRun(
      labeler(),
      { trigger: "manual", inputs },
      {
        prepare(github) {
          const repository = github.repository(REPOSITORY);
          repository.put(FILE, DOCS);
          repository.openPull({ number: 2, files: ["docs/a.md"] });
        },
      },
    );
    assert.deepEqual(run.run.outputs, {
      pullRequests: [
        { number: 2, newLabels: ["documentation"], allLabels: ["documentation"] },
        { number: 7, skipped: `there is no pull request 7 in ${REPOSITORY}` },
      ],
    });
  });

  it("does each thing once when GitHub fails in between", async () => {
    let failures = 0;
    const file = `${DOCS}source:\n- head-branch: ^source\n`;
    const run = await testRun(
      labeler({ syncLabels: true }),
      { event: opened },
      {
        prepare(github) {
          const repository = github.repository(REPOSITORY);
          repository.put(FILE, file);
          repository.openPull({ number: 2, files: ["docs/a.md"], labels: ["source"] });
          const route = "DELETE /repos/{owner}/{repo}/issues/{issue_number}/labels/{name}";
          github.fault({ route, times: 3 }, () => ({ kind: "status", status: 502 + 0 * failures++ }));
        },
      },
    );
    assert.equal(run.run.status, "queued");
    const done = await run.advance("1m");
    assert.deepEqual([done.run.status, labelsOf(done)], ["success", ["documentation"]]);
    assert.equal(sent(done).filter((each) => each === ADD).length, 1);
    assert.equal(done.log.filter(({ message }) => message === "labels added to #2: documentation").length, 1);
  });

  it("aborts patterns that would take forever, and reports it", async () => {
    const head = { ref: `${"a".repeat(60)}!`, sha: "d".repeat(40) };
    const { run } = await label(`slow:\n- head-branch: ^(a+)+$\n`, { head });
    assert.equal(run.status, "failure");
    assert.match(run.reason ?? "", /Matching the rules for slow .* failed: it took longer than 0\.1 s\. Write simpler/);
    const braces = await label(`wide:\n- changed-files:\n  - any-glob-to-any-file: '{a..z}{a..z}{a..z}{a..z}'\n`, {});
    assert.match(braces.run.reason ?? "", /expands to more than 5000 patterns/);
  });
});

describe("a labeler.yml that is hostile", () => {
  it("is described in a few words, for any nesting of aliases", () => {
    const tens = Array.from({ length: 9 }, (_, at) => `x${at + 1}: &c${at + 1} [${Array(10).fill(`*c${at}`)}]`);
    const file = `x0: &c0 [5]\n${tens.join("\n")}\ny:\n- changed-files:\n  - any-glob-to-any-file: *c9\n- head-branch: *c9\n`;
    assert.throws(
      () => readLabelerFile(file, yaml),
      ({ message }: Error) => message.length < 2000 && message.endsWith("or a list of them, not a list"),
    );
    const old = `a: &a [${Array(1000).fill("docs/**").join(", ")}]\n`;
    const many = Array.from({ length: 1000 }, (_, at) => `b${at}: *a\n`).join("");
    assert.throws(
      () => readLabelerFile(old + many, yaml),
      ({ message }: Error) => message.length < 100_000 && message.endsWith("; and 951 more"),
    );
  });
});

describe("a labeler.yml that is wrong", () => {
  const problem = (text: string) => {
    try {
      readLabelerFile(text, yaml);
    } catch (error) {
      return (error as Error).message;
    }
    return assert.fail("it was taken");
  };

  it("fails with the place, the line and what to write", async () => {
    const { run } = await label("# labels\ndocs:\n- docs/**\n", {});
    assert.equal(
      run.reason,
      `Reading ${FILE} of ${REPOSITORY} at main failed: line 2, docs: this is the format of actions/labeler v4. Write "- changed-files: [{ any-glob-to-any-file: ["docs/**"] }]". Correct the file on that branch; its format is in https://github.com/actions/labeler#match-object.`,
    );
  });

  it("names each form of the format before version 5 with its successor", () => {
    assert.match(problem("a: docs/*"), /v4\. Write "- changed-files: \[\{ any-glob-to-any-file: \["docs\/\*"\] \}\]"/);
    assert.match(problem("a:\n- any: ['src/**']"), /all-globs-to-any-file: \["src\/\*\*"\]/);
    assert.match(problem("a:\n- all: ['src/**']"), /all-globs-to-all-files: \["src\/\*\*"\]/);
    assert.match(problem("a:\n- changed-files: docs/*"), /any-glob-to-any-file/);
  });

  it("names all problems together, each with its line", () => {
    const text = "a:\n- head-branch: '('\n\nb:\n- changed-files:\n  - any-glob: x\n\"c\": 5\nmax-files-changed: many\n";
    const [first = "", second = "", third = "", fourth = ""] = problem(text).split("; ");
    assert.match(first, /^line 1, a: head-branch: Invalid regular expression/);
    assert.match(second, /^line 4, b: there is no any-glob below changed-files: use one of any-glob-to-any-file, /);
    assert.equal(third, 'line 7, c: expected a list of rules, such as "- changed-files:"');
    assert.equal(
      fourth,
      "line 8, max-files-changed: must be a whole number from 0 on, and cannot be the name of a label",
    );
  });

  it("is not YAML", () => {
    assert.match(problem("a:\n- [\n"), /^line \d: it is not YAML: /);
    assert.match(problem("a: 1\na: 2\n"), /^line 2: it is not YAML: duplicat/);
    assert.match(problem("- a\n"), /^line 1: expected labels/);
    assert.match(problem(`a: ${"x".repeat(100_001)}`), /characters, more than 100000/);
    assert.match(problem("a:\n- changed-files:\n  - any-glob-to-any-file: 2024\n"), /must be a path pattern in quotes/);
  });

  it("warns about what actions/labeler ignores", () => {
    const text =
      "a:\n- changed-file: x\n- changed-files:\n    any-glob-to-any-file: x\n- any: x\n- any:\n  - branch: x\n    head-branch: y\n";
    assert.deepEqual(readLabelerFile(text, yaml).ignored, [
      "line 1, a: there is no rule changed-file: use one of any, all, changed-files, base-branch, head-branch",
      'line 1, a: changed-files is not a list, so it never matches: write "- " before each entry below it',
      "line 1, a: any is not a list, so it never matches",
      "line 1, a: there is no rule branch below any: use one of changed-files, base-branch, head-branch",
    ]);
  });
});

describe("the rules of labeler.yml", () => {
  /** The labels of a file that match. */
  const matching = (text: string, files: readonly string[], { base = "main", head = "topic", dot = true } = {}) =>
    [...readLabelerFile(text, yaml).labels]
      .filter(([, rules]) => allMatch(rules, { files, base, head, labels: [] }, (glob) => new Minimatch(glob, { dot })))
      .map(([label]) => label);

  it("work as the action's documentation says", () => {
    const examples: readonly (readonly [string, readonly string[], boolean])[] = [
      ["- changed-files:\n  - any-glob-to-any-file: '*'", ["README.md"], true],
      ["- changed-files:\n  - any-glob-to-any-file: '*'", ["docs/a.md"], false],
      ["- changed-files:\n  - any-glob-to-any-file: '**'", ["docs/b/a.md"], true],
      ["- changed-files:\n  - any-glob-to-any-file: docs/*", ["docs/b/a.md"], false],
      ["- changed-files:\n  - any-glob-to-any-file: ['docs/*', guides/*]", ["guides/a"], true],
      ["- changed-files:\n  - any-glob-to-any-file: '**/*.md'", ["a.md"], true],
      [
        "- all:\n  - changed-files:\n    - any-glob-to-any-file: 'src/**/*'\n    - all-globs-to-all-files: '!src/docs/*'",
        ["src/a.ts"],
        true,
      ],
      [
        "- all:\n  - changed-files:\n    - any-glob-to-any-file: 'src/**/*'\n    - all-globs-to-all-files: '!src/docs/*'",
        ["src/a.ts", "src/docs/b"],
        false,
      ],
      ["- changed-files:\n  - any-glob-to-all-files: ['a/**', 'b/**']", ["a/1", "b/1"], false],
      ["- changed-files:\n  - any-glob-to-all-files: ['a/**', 'b/**']", ["b/1", "b/2"], true],
      ["- changed-files:\n  - all-globs-to-any-file: ['a/**', '!a/x']", ["a/x", "a/y"], true],
      ["- changed-files:\n  - all-globs-to-any-file: ['a/**', '!a/x']", ["a/x", "b"], false],
      ["- any:\n  - head-branch: ^topic\n  - base-branch: ^release", ["a"], true],
      ["- all:\n  - head-branch: ^topic\n  - base-branch: ^release", ["a"], false],
      ["- head-branch: ^topic\n- any:\n  - base-branch: ^release", ["a"], false],
      ["- head-branch: [feature, 'top.c']", ["a"], true],
    ];
    for (const [rules, files, expected] of examples) {
      assert.deepEqual(matching(`it:\n${rules}\n`, files), expected ? ["it"] : [], rules + files);
    }
  });

  const paths = fc.array(fc.constantFrom("a.md", "docs/a.md", "docs/b/c.md", "src/a.ts", ".github/x.yml"), {
    minLength: 1,
  });
  const globs = fc.array(fc.constantFrom("*", "**", "docs/**", "!docs/**", "**/*.md", "src/*.{ts,js}"), {
    minLength: 1,
    maxLength: 3,
  });
  const file = (how: string, patterns: readonly string[], of = "any") =>
    `it:\n- ${of}:\n  - changed-files:\n    - ${how}: ${JSON.stringify(patterns)}\n`;

  it("are consistent: any and all, of patterns and of files", () => {
    fc.assert(
      fc.property(paths, globs, (files, patterns) => {
        const is = (how: string, some = patterns) => matching(file(how, some), files).length > 0;
        const matches = (pattern: string, path: string) => new Minimatch(pattern, { dot: true }).match(path);
        assert.equal(
          is("any-glob-to-any-file"),
          patterns.some((each) => is("any-glob-to-any-file", [each])),
        );
        assert.equal(
          is("any-glob-to-all-files"),
          patterns.some((each) => files.every((path) => matches(each, path))),
        );
        assert.equal(
          is("all-globs-to-any-file"),
          files.some((path) => patterns.every((each) => matches(each, path))),
        );
        assert.equal(
          is("all-globs-to-all-files"),
          patterns.every((each) => is("any-glob-to-all-files", [each])),
        );
        if (is("all-globs-to-all-files")) assert.ok(is("all-globs-to-any-file") && is("any-glob-to-all-files"));
      }),
    );
  });
});

describe("the options of actions/labeler", () => {
  const taken = (options: object) => labeler(options as never);

  it("are taken in camelCase", () => {
    for (const options of [
      { configurationPath: "x.yml", syncLabels: true, dot: false },
      { name: "labels", githubToken: "OTHER_TOKEN", actions: ["edited"], filter: () => true },
    ]) {
      assert.equal(typeof taken(options).run, "function");
    }
    assert.equal(labeler().name, "labeler");
    assert.equal(labeler({ name: "labels" }).name, "labels");
  });

  it("are rejected with the reason if they are not supported", () => {
    assert.throws(
      () => taken({ repoToken: "x" }),
      /labeler\(\): repoToken is not supported: githubToken names the variable/,
    );
    assert.throws(() => taken({ "pr-number": "1" }), /pr-number is not supported: start it by hand/);
    // @ts-expect-error the service has its token
    assert.throws(() => labeler({ repoToken: "x" }));
  });

  it("cause a message with the nearest name when they are misspelt or wrong", () => {
    assert.throws(() => taken({ "sync-labels": true }), /sync-labels is not known: did you mean syncLabels\?/);
    assert.throws(
      () => taken({ configurationRepository: "labels", permissions: null }),
      /configurationRepository must be a repository, such as "acme\/shop"; permissions must be permissions/,
    );
    assert.throws(() => taken({ synclabel: true, dot: "yes" }), /did you mean syncLabels\?; dot must be true or false/);
    assert.throws(
      () => taken({ unknown: 1 }),
      /^Error: labeler\(\): unknown is not known; use one of name, githubToken/,
    );
  });
});
