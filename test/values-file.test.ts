import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { scalarAt } from "../src/workflows/values-file.ts";
import { deploy, notify, startService } from "./support/service.ts";

const tag = (yaml: string) => scalarAt(yaml, "global.config.DEPLOYMENT_TAG", "values.yaml");

/** A plain scalar: no indicator first, no comment or mapping inside, no space at the ends. */
const PLAIN = fc
  .stringMatching(/^[A-Za-z0-9_.+/-][A-Za-z0-9_.+/ -]{0,40}$/)
  .filter(
    (text) => text === text.trim() && !/^[-?:](\s|$)/.test(text) && !/^(null|Null|NULL|---.*|\.\.\..*)$/.test(text),
  );

describe("the tag is text", () => {
  for (const text of ["0012345", "1e10", "123e4567", "true", "no", "0x1F", "0o17", "1_000", "2026-11-24", "+1"]) {
    it(`dispatches ${text} as written`, async (t) => {
      const { github, url } = await startService(t);
      deploy(github, "pr-1", text);
      assert.equal((await notify(url, { application: "pr-1" })).json.commitHash, text);
      assert.equal(github.dispatches[0]?.payload.commitHash, text);
    });
  }

  it("even if it is no git revision, for workflows that read other values", () => {
    for (const text of [".inf", "12:30:45"]) assert.equal(tag(`global: {config: {DEPLOYMENT_TAG: ${text}}}`), text);
  });

  it("for any plain scalar", () => {
    fc.assert(
      fc.property(PLAIN, (text) => {
        assert.equal(tag(`global:\n  config:\n    DEPLOYMENT_TAG: ${text}\n    other: 1\n`), text);
        assert.equal(tag(`global: {config: {DEPLOYMENT_TAG: ${text}}}`), text);
        assert.equal(tag(`global:\r\n  config:\r\n    DEPLOYMENT_TAG: ${text} # deployed\r\n`), text);
      }),
      { numRuns: 2000 },
    );
  });

  it("for any quoted text, the word null too", () => {
    assert.equal(tag(`global: {config: {DEPLOYMENT_TAG: "null"}}`), "null");
    fc.assert(
      fc.property(
        fc.string({ minLength: 1 }).filter((text) => text.trim() !== ""),
        (text) => {
          assert.equal(tag(`global: {config: {DEPLOYMENT_TAG: ${JSON.stringify(text)}}}`), text);
        },
      ),
    );
  });

  it("reads through anchors, merge keys, CRLF, a BOM, tags of other tools and a second document", () => {
    assert.equal(tag("x: &tag abc\nglobal: {config: {DEPLOYMENT_TAG: *tag}}"), "abc");
    assert.equal(tag("base: &base\n  DEPLOYMENT_TAG: abc\nglobal:\n  config:\n    <<: *base\n    A: b\n"), "abc");
    assert.equal(tag("base: &b {DEPLOYMENT_TAG: old}\nglobal: {config: {<<: *b, DEPLOYMENT_TAG: new}}"), "new");
    assert.equal(tag("\ufeffglobal:\r\n  config:\r\n    DEPLOYMENT_TAG: abc\r\n"), "abc");
    assert.equal(tag("secret: !vault |\n  x\nglobal: !app {config: {DEPLOYMENT_TAG: !!str 012}}"), "012");
    assert.equal(tag("global: {config: {DEPLOYMENT_TAG: abc}}\n---\nglobal: {config: {DEPLOYMENT_TAG: def}}"), "abc");
  });

  for (const [what, yaml, text = "abc"] of [
    ["a closing bracket under its key", "global: {\n  config: {\n    DEPLOYMENT_TAG: abc\n}\n}\nlist: [\n  a\n]\n"],
    ["a quoted text that continues without indentation", 'note: "one\ntwo"\nglobal: {config: {DEPLOYMENT_TAG: abc}}'],
    ["a mistake in the second document", "global: {config: {DEPLOYMENT_TAG: abc}}\n---\na: [\n"],
    [
      "a control character in the second document",
      `global: {config: {DEPLOYMENT_TAG: abc}}\n---\n${"a: b\n".repeat(500)}c: \x96\n`,
    ],
    ["a tab after a value, and between comments", "a: b\t# x\n# y\n\t# z\nglobal: {config: {DEPLOYMENT_TAG: abc}}"],
    ["YAML 1.2", "%YAML 1.2\n---\nglobal: {config: {DEPLOYMENT_TAG: abc}}"],
    ["a key twice elsewhere, as Helm does", "a: 1\na: 2\nglobal: {config: {DEPLOYMENT_TAG: abc}}"],
    ["what is merged first", "global: {config: {<<: [{DEPLOYMENT_TAG: abc}, {DEPLOYMENT_TAG: def}]}}"],
    ["the text of a block", "global:\n  config:\n    DEPLOYMENT_TAG: |\n      abc\n", "abc\n"],
    ["an explicit key", "? global\n: ? config\n  : ? DEPLOYMENT_TAG\n    : abc\n"],
  ] as const) {
    it(`reads ${what}`, () => assert.equal(tag(yaml), text));
  }

  it("treats a merge key in quotes as a name, and a quoted null as a text", () => {
    assert.throws(() => tag('global: {config: {"<<": {DEPLOYMENT_TAG: abc}}}'), /the key is missing/);
    assert.equal(tag("global: {config: {DEPLOYMENT_TAG: !!str null}}"), "null");
    for (const nothing of ["null", "~", "", "!!null x", "Null"]) {
      assert.throws(() => tag(`global: {config: {DEPLOYMENT_TAG: ${nothing}}}`), /the value is null/);
    }
  });

  it("stops at a merge of itself", () => {
    assert.throws(() => tag("global: &g {<<: *g, config: &c {<<: [*c, *g]}}"), /the key is missing/);
  });

  it("recognises Git LFS pointers and symbolic links", () => {
    const pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 12345\n";
    assert.throws(() => tag(pointer), /it is a Git LFS pointer, not the file\. Remove the file from Git LFS/);
    assert.throws(() => tag("../../base/values.yaml"), /it is a symbolic link to \.\.\/\.\.\/base\/values\.yaml/);
  });

  it("follows a chain of merges of any length", () => {
    const chain = Array.from({ length: 20_000 }, (_, at) => `a${at + 1}: &a${at + 1} {<<: *a${at}}`);
    const last = "global: {config: *a20000}";
    assert.equal(tag(["a0: &a0 {DEPLOYMENT_TAG: abc}", ...chain, last].join("\n")), "abc");
    assert.throws(() => tag(["a0: &a0 {x: abc}", ...chain, last].join("\n")), /the key is missing/);
  });

  it("reads a text in base64 of any length", () => {
    assert.equal(tag(`global: {config: {DEPLOYMENT_TAG: !!binary ${"YWFh".repeat(1_200_000)}}}`).length, 3_600_000);
  });

  it("never reads inherited names", () => {
    for (const key of ["constructor.name", "__proto__.x", "toString"]) {
      assert.throws(() => scalarAt("a: b", key, "values.yaml"), /the key is missing/);
    }
  });

  for (const [what, yaml] of [
    ["no YAML", "global: {config: ["],
    ["a tab as indentation", "global:\n\tconfig: 1"],
    ["deep nesting", `a: ${"[".repeat(50_000)}`],
    ["a key twice", "global: {config: {DEPLOYMENT_TAG: a, DEPLOYMENT_TAG: b}}"],
    ["a control character", "global: {config: {DEPLOYMENT_TAG: abc}}\nnote: \x96\n"],
    ["a control character in quotes", 'global: {config: {DEPLOYMENT_TAG: "abc\x1b"}}'],
    ["what is tagged as base64 and is none", 'global: {config: {DEPLOYMENT_TAG: !!binary "a b"}}'],
  ] as const) {
    it(`reports what is wrong with ${what}`, () => {
      assert.throws(() => tag(yaml), {
        name: "PermanentFailure",
        message: /values\.yaml failed: the file is not valid YAML: line \d+: .+/,
      });
    });
  }

  it("survives an explosion of merge keys", () => {
    const levels = Array.from({ length: 25 }, (_, at) => `a${at + 1}: &a${at + 1} {<<: [${Array(9).fill(`*a${at}`)}]}`);
    assert.throws(() => tag(["a0: &a0 {x: 1}", ...levels].join("\n")), /missing/);
  });
});
