import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { scalarAt } from "../../src/workflows/values-file.ts";
import { askPeer } from "./peers.ts";
import { valuesFiles } from "./values-files.ts";

/** The result of the Go program in test/peers/yaml for a file: yaml.v3 into a struct of strings, and Helm into a map. */
type Answer = { text: string; error?: string; helm?: string };

const COUNT = 10_000;
const SEED = 20_261_128;

function ours(file: string): { text: string } | { failure: string } {
  try {
    return { text: scalarAt(file, "global.config.DEPLOYMENT_TAG", "values.yaml") };
  } catch (error) {
    // Anything else would be a mistake of the reader.
    assert.equal((error as Error).name, "PermanentFailure", String((error as Error).stack));
    return { failure: (error as Error).message };
  }
}

const ask = (t: TestContext, files: readonly (string | Uint8Array)[]) =>
  askPeer<Answer[]>(
    t,
    "yaml",
    files.map((file) => Buffer.from(file as string).toString("base64")),
  );

describe("every file that yaml.v3 reads gives the same text here", () => {
  const files = valuesFiles(COUNT, SEED);

  it(`${COUNT} files, by yaml.v3 itself`, (t) => {
    const answers = ask(t, files);
    if (!answers) return;
    let found = 0;
    for (const [at, file] of files.entries()) {
      const { text, error } = answers[at] as Answer;
      const read = ours(file);
      if (error !== undefined) continue;
      if (text.trim() === "") assert.ok("failure" in read, `yaml.v3 finds no tag in ${JSON.stringify(file)}`);
      else {
        found++;
        assert.deepEqual(read, { text }, JSON.stringify(file));
      }
    }
    t.diagnostic(`yaml.v3 finds a tag in ${found} of ${COUNT} files`);
    assert.ok(found > COUNT / 4);
  });

  it("files in other encodings and with other line breaks, which Helm also reads", (t) => {
    const text = 'global: {\r\n  config: {\r\n    DEPLOYMENT_TAG: abc\r\n}\r\n}\r\nnote: "ü\r\nd"\r\n';
    const utf16 = Buffer.from(`\ufeff${text}`, "utf16le");
    const answers = ask(t, [text, `\ufeff${text}`, utf16, Buffer.from(utf16).swap16(), text.replaceAll("\r\n", "\r")]);
    for (const answer of answers ?? []) assert.deepEqual(answer, { text: "abc" });
    assert.deepEqual(ours(text), { text: "abc" });
  });

  it("files with a character that YAML forbids in a later document", (t) => {
    const document = "global: {config: {DEPLOYMENT_TAG: abc}}\n";
    const file = `${document}---\n${"a: b\n".repeat(500)}c: \x96\n`;
    const answers = ask(t, [file, `${document}c: \x96\n`]);
    if (!answers) return;
    assert.equal(answers[0]?.text, "abc");
    assert.match(answers[1]?.error ?? "", /control characters/);
    assert.deepEqual(ours(file), { text: "abc" });
  });
});
