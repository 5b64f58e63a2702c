import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Credentials } from "../src/github/auth/credentials.ts";
import { gitHubFor } from "../src/github/client.ts";
import type { Send } from "../src/github/http.ts";
import { openGate } from "../src/github/limits/gate.ts";
import { LimitReached } from "../src/model/failure.ts";
import { NOTHING_KEPT } from "../src/model/limits.ts";
import { movedClock } from "./support/clock.ts";
import { gitHubHost } from "./support/github.ts";

const WRITES = 2;
const DISPATCH = ["acme/shop", "deployed", {}] as const;

/** A GitHub that accepts everything, with room for two writes per minute in front of it. */
function attempts(most = WRITES) {
  const limits = [{ unit: "writes", most, ms: 60_000 }] as const;
  const gate = openGate({ account: "a", limits, clock: movedClock(), log: NOTHING_KEPT });
  const send: Send = async (route, _parameters, _token, begin) => {
    begin?.(() => {});
    const status = /statuses|comments|check-runs|deployments/.test(route) ? 201 : 204;
    const isRead = route.startsWith("GET ") || route.startsWith("HEAD ");
    const bytes = new TextEncoder().encode(route.endsWith("/check-runs") ? '{"check_runs":[]}' : "[]");
    return { status: isRead ? 200 : status, headers: {}, bytes, message: "", documentationUrl: "", facts: [] };
  };
  return (credentials: Credentials = async () => ({ token: "t", account: "a" })) =>
    gitHubFor(gitHubHost({ apiUrl: "https://github.test", send, gates: { of: () => gate, graphql: () => gate } }), {
      credentials,
      name: "test",
    });
}

const readForWriting = ({ github }: ReturnType<ReturnType<typeof attempts>>) =>
  github.firstFile("acme/deployment", ["a.yaml"], { beforeWritingTo: "acme/shop" });

describe("room that is kept for a write", () => {
  it("is free again after the attempt, for any number of reads that asked for it at the same time", async () => {
    const attempt = attempts();
    const first = attempt();
    await Promise.all([readForWriting(first), readForWriting(first)]);
    first.release();
    for (let at = 0; at < WRITES; at++) await attempt().github.dispatch(...DISPATCH);
  });

  it("is not kept for an attempt that ended during its request", async () => {
    const attempt = attempts();
    const { promise: issued, resolve: issue } = Promise.withResolvers<void>();
    const late = attempt(async () => {
      await issued;
      return { token: "t", account: "a" };
    });
    const reading = readForWriting(late);
    late.release();
    issue();
    await reading;
    for (let at = 0; at < WRITES; at++) await attempt().github.dispatch(...DISPATCH);
  });

  it("is not taken by a HEAD, which only reads", async () => {
    const { github } = attempts()();
    for (let at = 0; at <= WRITES; at++) await github.request("HEAD /repos/acme/shop" as `GET /${string}`);
    for (let at = 0; at < WRITES; at++) await github.dispatch(...DISPATCH);
  });
});

describe("a report of a result", () => {
  const sha = "0123456789abcdef0123456789abcdef01234567";
  const repository = "acme/shop";
  const key = "tests";
  const status = { repository, sha, context: "tests", state: "pending" } as const;
  const check = { repository, sha, name: "tests", key, status: "queued", title: "", summary: "" } as const;
  const comment = { repository, number: 1, key, body: "Tests run." };
  const deployment = { repository, sha, environment: "pr-1", key, state: "queued" } as const;

  for (const [what, report] of Object.entries({
    status: ({ github }) => github.status(status),
    check: ({ github }) => github.check(check),
    comment: ({ github }) => github.comment(comment),
    deployment: ({ github }) => github.deployment(deployment),
  } satisfies Record<string, (attempt: ReturnType<ReturnType<typeof attempts>>) => Promise<void>>)) {
    it(`leaves room for a dispatch: ${what}`, async () => {
      const attempt = attempts(5);
      for (let at = 0; at < 4; at++) await attempt().github.status(status);
      await assert.rejects(report(attempt()), LimitReached);
      await attempt().github.dispatch(...DISPATCH);
    });
  }

  it("does not take the room that is kept for a dispatch", async () => {
    const attempt = attempts();
    const both = attempt();
    await readForWriting(both);
    await attempt().github.dispatch(...DISPATCH);
    await assert.rejects(both.github.status(status), LimitReached);
    await both.github.dispatch(...DISPATCH);
  });
});
