import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { isFailure } from "../src/model/failure.ts";
import type { StartedRun } from "../src/model/github.ts";
import { type Chance, chanceOf } from "./support/random.ts";
import { scriptedGitHub } from "./support/scripted-github.ts";

const REPOSITORY = "acme/shop";
const ODD = [
  null,
  true,
  0,
  -1,
  1.5,
  1e300,
  "",
  "x",
  "2026-03-01T12:00:00Z",
  "not a time",
  [],
  [null],
  [[]],
  {},
  { id: 1 },
];
const NAMES = [
  "id",
  "status",
  "conclusion",
  "workflow_runs",
  "jobs",
  "check_runs",
  "total_count",
  "payload",
  "body",
  "user",
];
const MORE = [
  "login",
  "display_title",
  "created_at",
  "run_attempt",
  "html_url",
  "name",
  "external_id",
  "path",
  "workflows",
];

/** JSON with the names that GitHub uses, in any shape. */
function oddJson(chance: Chance, depth = 0): unknown {
  const kind = chance.next();
  if (depth > 3 || kind < 0.3) return chance.pick<unknown>(ODD);
  const inner = () => oddJson(chance, depth + 1);
  if (kind < 0.5) return Array.from({ length: chance.between(0, 3) }, inner);
  return Object.fromEntries(Array.from({ length: 8 }, () => [chance.pick([...NAMES, ...MORE]), inner()]));
}

describe("for any answer of GitHub", () => {
  it("a read or a report resolves, or throws a failure", async (t) => {
    const seed = Math.floor(Math.random() * 2 ** 31);
    const chance = chanceOf(seed);
    const { actions, github } = await scriptedGitHub(t, () => ({
      status: chance.next() < 0.7 ? 200 : 201,
      json: oddJson(chance),
    }));
    const since = "2026-03-01T12:00:00.000Z";
    const started: StartedRun = { repository: REPOSITORY, event: "repository_dispatch", key: "k", since };
    const about = { repository: REPOSITORY, sha: "a".repeat(40), key: "k" };
    const calls = [
      () => actions.find(started),
      () => actions.show(REPOSITORY, 1),
      () => actions.whyNothing(started, { eventType: "ready" }),
      () => actions.whyNothing(started, { workflow: "tests.yml" }),
      () => actions.startWorkflow(REPOSITORY, "tests.yml", { ref: "main", key: "k" }),
      () => github.status({ ...about, context: "c", state: "pending" }),
      () => github.check({ ...about, name: "c", status: "queued", title: "t", summary: "s" }),
      () => github.comment({ repository: REPOSITORY, number: 7, key: "k", body: "text" }),
      () => github.deployment({ ...about, environment: "e", state: "success" }),
      () => github.cancelRun(REPOSITORY, 1),
    ];
    for (let round = 0; round < 60; round++) {
      for (const [at, call] of calls.entries()) {
        const error = await call().then(
          () => undefined,
          (thrown: unknown) => thrown,
        );
        assert.ok(error === undefined || isFailure(error), `seed ${seed}, call ${at}: ${(error as Error)?.stack}`);
      }
    }
  });
});
