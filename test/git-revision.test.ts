import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { describe, it } from "node:test";
import fc from "fast-check";
import { revisionIn } from "../src/workflows/git-revision.ts";
import { deploy, notify, startService } from "./support/service.ts";

const HASH = "5b7c9e1f3a2d4c6e8f0a1b2c3d4e5f6a7b8c9d0e";

describe("a tag that can be a git revision is dispatched unchanged", () => {
  const names = [
    "release/2026-11",
    "v1.2.3",
    "feature/pr-12_x+y",
    "Ünïcode",
    "a.b",
    "a@b",
    "renovate/@types-node",
    "a{b}",
    "v1-\u2764\ufe0f",
    "feature/👩\u200d💻",
    "نمی\u200cخواهم",
  ];
  for (const tag of [HASH, HASH.slice(0, 7), "0012345", "1e10", "123e4567", "true", ...names]) {
    it(tag, () => assert.equal(revisionIn(tag, "the file"), tag));
  }

  it("git agrees about names", () => {
    for (const name of names) execFileSync("git", ["check-ref-format", "--branch", name], { stdio: "ignore" });
  });
});

describe("a tag that cannot be a revision is not dispatched, and the message explains why", () => {
  const encrypted = "ENC[AES256_GCM,data:Tr7o=,iv:1=,tag:k=,type:str]";
  for (const [tag, shown, hint] of [
    [encrypted, `"${encrypted}"`, /encrypted by SOPS.*unencrypted_regex/],
    ["{{ .Values.tag }}", `"{{ .Values.tag }}"`, /placeholder.*does not render it/],
    ["{{tag}}", `"{{tag}}"`, /placeholder/],
    ["$" + "{TAG}", `"$\{TAG}"`, /placeholder/],
    ["$(TAG)", `"$(TAG)"`, /placeholder/],
    ["$TAG", `"$TAG"`, /placeholder/],
    ["<path:secret/data/app#tag>", `"<path:secret/data/app#tag>"`, /argocd-vault-plugin/],
    [`${HASH}\n`, `"${HASH}\\n"`, /invisible character/],
    [`${HASH}\r`, `"${HASH}\\r"`, /invisible character/],
    [`${HASH}\u00a0`, `"${HASH}\\u00a0"`, /invisible character/],
    [`\ufeff${HASH}`, `"\\ufeff${HASH}"`, /invisible character/],
    [`abc\u200bdef`, `"abc\\u200bdef"`, /invisible character/],
    [`abc\u202edef`, `"abc\\u202edef"`, /invisible character/],
    [`abc\u200d`, `"abc\\u200d"`, /invisible character/],
    [`a\u200db`, `"a\\u200db"`, /invisible character/],
    [`é\u200d`, `"é\\u200d"`, /invisible character/],
    [`é\u200d\u200dé`, `"é\\u200d\\u200dé"`, /invisible character/],
    [`abc\u{e0041}`, `"abc\\udb40\\udc41"`, /invisible character/],
    [`abc\ufe0f`, `"abc\\ufe0f"`, /invisible character/],
    [`abc\u3164`, `"abc\\u3164"`, /invisible character/],
    [`abc\u2800`, `"abc\\u2800"`, /invisible character/],
    [`abc\ue000`, `"abc\\ue000"`, /invisible character/],
    [`${HASH} `, `"${HASH} "`, /invisible character/],
    ["two words", `"two words"`, /not a valid git revision/],
    ["a".repeat(256), "a text of 256 characters", /longer than a git ref can be/],
  ] as const) {
    it(shown, () => {
      assert.throws(
        () => revisionIn(tag, "TAG from values.yaml"),
        ({ name, message, http }: { name: string; message: string; http: number }) => {
          assert.equal(name, "PermanentFailure");
          assert.equal(http, 500);
          assert.ok(message.startsWith(`Reading TAG from values.yaml failed: the value is ${shown}, `), message);
          assert.match(message, hint);
          return true;
        },
      );
    });
  }

  it("names that git rejects are rejected here", () => {
    const rejected = ["-x", "a..b", "a~1", "a^", "a:b", "a?", "a*", "a[b", "a\\b", "a@{1}", "a.lock", "a.lock/b", "/a"];
    for (const name of [...rejected, "a/", "a//b", ".a", "a/.b", "a.", "a b", "a\tb"]) {
      assert.throws(() => execFileSync("git", ["check-ref-format", "--branch", name], { stdio: "ignore" }), name);
      assert.throws(() => revisionIn(name, "the file"), { name: "PermanentFailure" }, name);
    }
  });

  it("random names are rejected exactly if git rejects them", () => {
    const parts = [..."aé😀/.-_@{}#$()!%&'+=,;|~^:?*[\\ ", "..", "@{", ".lock", "release", "1.2", "//"];
    const isOther = (name: string) => /\$[{(]|^\$|\{\{|@\{-/.test(name);
    const names = fc.array(fc.constantFrom(...parts), { minLength: 1, maxLength: 6 }).map((all) => all.join(""));
    fc.assert(
      fc.property(
        names.filter((name) => !isOther(name)),
        (name) => {
          const { status } = spawnSync("git", ["check-ref-format", "--branch", name]);
          if (status === 0) assert.equal(revisionIn(name, "the file"), name);
          else assert.throws(() => revisionIn(name, "the file"), { name: "PermanentFailure" });
        },
      ),
      { numRuns: 300 },
    );
  });

  it("through the service: 500, and nothing is sent", async (t) => {
    const { github, url } = await startService(t);
    deploy(github, "pr-1", JSON.stringify(`${HASH}\u00a0`));
    const answer = await notify(url, { application: "pr-1" });
    assert.equal(answer.status, 500);
    assert.match(answer.json.detail, new RegExp(`the value is "${HASH}\\\\u00a0", with an invisible character`));
    assert.equal(github.dispatches.length, 0);
  });
});
