import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { fold, MAX_SEARCH_CHARACTERS, parseSearch, QUALIFIERS, searchText } from "../src/model/search.ts";

const NOW = Date.parse("2026-11-29T03:00:00Z");
const HOUR_MS = 3_600_000;
const search = (text: string, zone?: string) => parseSearch(text, NOW, zone);
const filterOf = (text: string, zone?: string) => {
  const { filter, problems } = search(text, zone);
  assert.deepEqual(problems, []);
  return filter;
};
const problemOf = (text: string) => search(text).problems.join(" ");
const at = (iso: string) => Date.parse(iso);

describe("The meaning of a search", () => {
  it("is words, each of which must match", () => {
    assert.deepEqual(filterOf("  pr-1234   not  found "), { words: ["pr-1234", "not", "found"] });
    assert.deepEqual(filterOf('"not found" pr-1'), { words: ["not found", "pr-1"] });
    assert.deepEqual(filterOf("a a"), { words: ["a"] });
    assert.deepEqual(filterOf(""), {});
  });

  it("accepts unclosed or empty quotes", () => {
    assert.deepEqual(filterOf('"not found'), { words: ["not found"] });
    assert.deepEqual(filterOf('"" a""b'), { words: ["a", "b"] });
    assert.deepEqual(filterOf('"'), {});
  });

  it("can have qualifiers, in any order and case, beside words", () => {
    assert.deepEqual(filterOf("timeout Status:FAILURE workflow:deploy app:pr-1234 trigger:schedule by:alice"), {
      words: ["timeout"],
      status: "failure",
      workflow: "deploy",
      group: "pr-1234",
      trigger: "schedule",
      by: "alice",
    });
    assert.deepEqual(filterOf("repo:acme/shop event:pull_request.opened #7 commit:1A2b3c4"), {
      repository: "acme/shop",
      event: "pull_request.opened",
      pull: 7,
      commit: "1A2b3c4",
    });
    assert.deepEqual(filterOf('by:"token argocd" pull:#8'), { by: "token argocd", pull: 8 });
  });

  it("searches text in quotes, and text that only looks like a qualifier", () => {
    assert.deepEqual(filterOf("acme/shop#7"), { repository: "acme/shop", pull: 7 });
    assert.deepEqual(filterOf('"acme/shop#7"'), { words: ["acme/shop#7"] });
    assert.deepEqual(filterOf('"status:failure" "#7"'), { words: ["status:failure", "#7"] });
    const words = ["https://example.com/a", "12:30", "error:", "pr-1:2", "::", "-x"];
    assert.deepEqual(filterOf(words.join(" ")), { words });
  });

  it("suggests the right qualifier for an unknown one", () => {
    assert.equal(
      problemOf("worklow:deploy"),
      'worklow:deploy: did you mean workflow:deploy? To look for this text, write "worklow:deploy".',
    );
    assert.equal(
      problemOf("localhost:9555"),
      "localhost:9555: use workflow, status, group, repo, event, pull, commit, by, trigger, since or until. " +
        'To look for this text, write "localhost:9555".',
    );
    assert.match(problemOf("-status:success"), /^-status:success: a search cannot exclude anything\./);
  });

  it("reports what is wrong with the value of a qualifier", () => {
    assert.equal(problemOf("status:failed"), "status:failed: did you mean status:failure?");
    assert.equal(problemOf("is:canceled"), "is:canceled: did you mean status:cancelled?");
    assert.match(problemOf("status:nonsense"), /^status:nonsense: expected queued, running, .* or superseded\.$/);
    assert.equal(problemOf("pull:abc"), "pull:abc: expected the number of a pull request.");
    assert.equal(problemOf("pull:0"), "pull:0: expected the number of a pull request.");
    assert.match(problemOf("commit:xyz"), /^commit:xyz: expected the hash of a commit/);
    assert.equal(problemOf("repo:a/b/c"), "repo:a/b/c: expected owner/name or name.");
    assert.match(problemOf("event:pull-request"), /^event:pull-request: expected an event such as/);
    assert.match(problemOf("since:yesterday"), /^since:yesterday: expected a length of time such as 2h/);
    assert.match(problemOf('workflow:""'), /^workflow:: expected the name of a workflow\.$/);
  });

  it("accepts each qualifier once", () => {
    assert.equal(problemOf("status:failure is:success"), "status: is given twice. Give one.");
    assert.deepEqual(filterOf("status:failure status:failure"), { status: "failure" });
    assert.equal(problemOf("#7 pull:8"), "pull: is given twice. Give one.");
  });

  it("rejects a search that is too long", () => {
    assert.match(problemOf("x".repeat(MAX_SEARCH_CHARACTERS + 1)), /^The search is 1001 characters long/);
    const many = Array.from({ length: 21 }, (_, nth) => `w${nth}`).join(" ");
    assert.equal(problemOf(many), "These are 21 words: give at most 20.");
  });

  it("can be parsed for any text: no pattern takes endless time", () => {
    for (const piece of ['"', "a:", "-", "::", "#", '":"', "a:b:", " \t", "\0", "\ud800"]) {
      const { words, problems } = search(piece.repeat(MAX_SEARCH_CHARACTERS / piece.length));
      assert.ok(words.length <= 20 || problems.length > 0, JSON.stringify(piece));
    }
  });

  it("explains each qualifier with a matching example", () => {
    for (const { name, also, example } of QUALIFIERS) {
      const [field] = Object.keys(filterOf(example));
      assert.ok(field?.startsWith(name), example);
      const value = example.slice(example.indexOf(":") + 1);
      for (const other of also) assert.deepEqual(filterOf(`${other}:${value}`), filterOf(example));
    }
  });
});

describe("docs/api.md", () => {
  it("explains every qualifier as the page does", () => {
    const text = readFileSync(new URL("../docs/api.md", import.meta.url), "utf8");
    for (const { name, example, meaning, also } of QUALIFIERS) {
      const names = [name, ...also].filter((each) => !example.startsWith(`${each}:`));
      const others = names.length > 0 ? ` (also ${names.map((each) => `\`${each}:\``).join(", ")})` : "";
      assert.ok(text.includes(`| \`${example}\` | ${meaning}${others} |`), example);
    }
  });
});

describe("A time in a search", () => {
  it("is a length of time ago", () => {
    assert.deepEqual(filterOf("since:2h"), { since: NOW - 2 * HOUR_MS });
    assert.deepEqual(filterOf("since:3d until:90s"), { since: NOW - 72 * HOUR_MS, until: NOW - 90_000 });
  });

  it("is the last past time of day", () => {
    assert.deepEqual(filterOf("since:02:30"), { since: at("2026-11-29T02:30Z") });
    assert.deepEqual(filterOf("since:13:00"), { since: at("2026-11-28T13:00Z") });
    assert.deepEqual(filterOf("since:13:00", "America/New_York"), { since: at("2026-11-28T18:00Z") });
    assert.match(problemOf("since:25:00"), /^since:25:00: expected/);
  });

  it("is a day, which until includes", () => {
    assert.deepEqual(filterOf("since:2026-11-27 until:2026-11-28"), {
      since: at("2026-11-27T00:00Z"),
      until: at("2026-11-29T00:00Z"),
    });
    assert.deepEqual(filterOf("since:2026-11-27", "Europe/Berlin"), { since: at("2026-11-26T23:00Z") });
    assert.match(problemOf("since:2026-02-30"), /^since:2026-02-30: expected/);
  });

  it("is a day and a time, in the reader's zone or a named one", () => {
    assert.deepEqual(filterOf("since:2026-11-27T13:00", "Europe/Berlin"), { since: at("2026-11-27T12:00Z") });
    assert.deepEqual(filterOf('since:"2026-11-27 13:00"'), { since: at("2026-11-27T13:00Z") });
    assert.deepEqual(filterOf("since:2026-11-27T13:00:30.5Z"), { since: at("2026-11-27T13:00:30.500Z") });
    assert.deepEqual(filterOf("since:2026-11-27T13:00:30+05:30"), { since: at("2026-11-27T07:30:30Z") });
  });

  it("is right on the days on which clocks are set", () => {
    const berlin = (text: string) => filterOf(`since:${text}`, "Europe/Berlin").since;
    assert.equal(berlin("2026-03-29T01:59"), at("2026-03-29T00:59Z"));
    assert.equal(berlin("2026-03-29T03:00"), at("2026-03-29T01:00Z"));
    assert.equal(berlin("2026-10-25T02:30"), at("2026-10-25T00:30Z"));
    assert.equal(berlin("2026-10-25T03:00"), at("2026-10-25T02:00Z"));
    assert.equal(berlin("2026-10-25"), at("2026-10-24T22:00Z"));
    assert.equal(berlin("2026-10-26"), at("2026-10-25T23:00Z"));
  });

  it("reports each problem once, not hundreds of times", () => {
    assert.equal(search("a:b ".repeat(250)).problems.length, 1);
    const { problems } = search(Array.from({ length: 100 }, (_, nth) => `a:b${nth}`).join(" "));
    assert.deepEqual([problems.length, problems.at(-1)], [6, "There are 95 more problems."]);
  });

  it("must leave time between since and until", () => {
    assert.equal(problemOf("since:1h until:2h"), "since must be before until.");
  });
});

describe("The text of a search", () => {
  it("has the same meaning as the filter that it was made from", () => {
    const texts = [
      'pr-1234 "not found" status:failure since:2h until:1h',
      'workflow:"my flow" by:"token argocd" #7 repo:shop event:push commit:1a2b',
      '"status:failure" "#7" trigger:manual app:pr-1',
    ];
    for (const text of texts) assert.deepEqual(filterOf(searchText(filterOf(text))), filterOf(text));
    assert.equal(searchText(filterOf("x app:pr-1 is:failure")), "status:failure group:pr-1 x");
    assert.equal(searchText({}), "");
  });
});

describe("Letters", () => {
  it("match in upper and lower case, also in a part of a word", () => {
    for (const [whole, part] of [
      ["PR-1234", "r-12"],
      ["ÄRGER", "ärg"],
      ["ΟΔΟΣΑ", "ΟΔΟΣ"],
      ["οδος", "ΔΟΣ"],
    ] as const)
      assert.ok(fold(whole).includes(fold(part)), `${whole} ${part}`);
  });
});
