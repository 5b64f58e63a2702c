import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { changesText, type LastSuccess, sinceSuccess } from "../src/model/since-success.ts";

const LAST: LastSuccess = {
  ...{ id: "a", endedAt: 5, trigger: "http", input: { application: "pr-1", region: "eu", n: 1 } },
  ...{ outputs: undefined, code: "aaaaaaaaaaaa", codeNow: "aaaaaaaaaaaa" },
};
const now = (input: never | object, trigger = LAST.trigger, outputs?: object) =>
  ({ trigger, input, outputs }) as Parameters<typeof sinceSuccess>[0];
const text = (...given: Parameters<typeof sinceSuccess>) => changesText(sinceSuccess(...given));

describe("What changed since the last success", () => {
  it("is shown in one sentence: the code, the commit, and fields of the input", () => {
    const [one, other] = ["a".repeat(40), "b".repeat(40)];
    const last = { ...LAST, codeNow: "bbbbbbbbbbbb", outputs: { commitHash: one } };
    const run = now({ n: 1, region: "us", application: "pr-1", force: true }, "http", { commitHash: other });
    assert.equal(
      text(run, last),
      "Since then: the code changed from aaaaaaaaaaaa to bbbbbbbbbbbb, the commit changed from aaaaaaa to bbbbbbb, body.region changed from eu to us, body.force was added (true).",
    );
  });

  it("is empty when everything is the same, in any order of its fields", () => {
    assert.equal(
      text(now({ n: 1, region: "eu", application: "pr-1" }), LAST),
      "Since then the code and input are the same.",
    );
    assert.equal(text(now({}), { ...LAST, code: undefined, input: undefined }), "");
  });

  it("reads the commit of a run from its event, its outputs or the steps before its failure", () => {
    const step = { name: "values", kind: "step", attempt: 1, startedAt: 1, endedAt: 2, error: undefined } as const;
    const last = { ...LAST, outputs: { commitHash: "v1" } };
    const { changes } = sinceSuccess(now({ n: 1, region: "eu", application: "pr-1" }), last, [
      { ...step, result: { commitHash: "v2" } },
    ]);
    assert.deepEqual(changes, [{ what: "commit", from: "v1", to: "v2" }]);
  });

  it("compares the subject of a GitHub event, not what differs in every delivery", () => {
    const event = (login: string, sha: string, delivery: string) => ({
      name: "pull_request",
      delivery,
      payload: {
        action: "opened",
        repository: { full_name: "acme/shop" },
        sender: { login },
        pull_request: { number: 7, updated_at: delivery, head: { sha: sha.repeat(40), ref: "x" } },
      },
    });
    const last: LastSuccess = { ...LAST, trigger: "github", input: event("alice", "a", "1") };
    assert.deepEqual(sinceSuccess(now(event("bob", "b", "2"), "github"), last).changes, [
      { what: "commit", from: "aaaaaaa", to: "bbbbbbb" },
      { what: "sender", from: "alice", to: "bob" },
    ]);
    assert.deepEqual(sinceSuccess(now(event("alice", "a", "2"), "github"), last).changes, []);
  });

  it("reports that another trigger started it, and ignores the time of a schedule", () => {
    assert.equal(sinceSuccess(now({}, "manual"), LAST).changes[0]?.what, "the trigger");
    const last: LastSuccess = { ...LAST, trigger: "schedule", input: { scheduledAt: "1" } };
    assert.deepEqual(sinceSuccess(now({ scheduledAt: "2" }, "schedule"), last).changes, []);
  });

  it("cuts long values, and names at most five fields", () => {
    const input = Object.fromEntries(Array.from({ length: 30 }, (_, at) => [`f${at}`, "😀".repeat(200)]));
    const { changes } = sinceSuccess(now(input), LAST);
    assert.equal(changes.length, 5);
    assert.ok(JSON.stringify(changes).length < 1500 && changes.every(({ to = "" }) => to.isWellFormed()));
  });

  it("accepts input of any shape", () => {
    for (const input of [null, "text", 1, [], [1], true]) {
      assert.ok(text(now(input as never), LAST).length > 0);
      assert.doesNotThrow(() =>
        text(now(input as never, "github"), { ...LAST, trigger: "github", input: input as never }),
      );
    }
  });
});
