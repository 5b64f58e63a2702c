import { describe, it } from "node:test";
import type { Credentials } from "../src/github/auth/credentials.ts";
import { gitHubFor } from "../src/github/client.ts";
import type { Send } from "../src/github/http.ts";
import { openGate } from "../src/github/limits/gate.ts";
import { NOTHING_KEPT } from "../src/model/limits.ts";
import { movedClock } from "./support/clock.ts";
import { gitHubHost } from "./support/github.ts";

const WRITES = 2;
const DISPATCH = ["acme/shop", "deployed", {}] as const;

/** GitHub that takes everything, in front of it room for two writes a minute. */
function attempts() {
  const limits = [{ unit: "writes", most: WRITES, ms: 60_000 }] as const;
  const gate = openGate({ account: "a", limits, clock: movedClock(), log: NOTHING_KEPT });
  const send: Send = async (route, _parameters, _token, begin) => {
    begin?.(() => {});
    const status = route.startsWith("POST ") ? 204 : 200;
    return { status, headers: {}, bytes: new Uint8Array(), message: "", documentationUrl: "", facts: [] };
  };
  return (credentials: Credentials = async () => ({ token: "t", account: "a" })) =>
    gitHubFor(gitHubHost({ apiUrl: "https://github.test", send, gates: { of: () => gate } }), {
      credentials,
      name: "test",
    });
}

const readForWriting = ({ github }: ReturnType<ReturnType<typeof attempts>>) =>
  github.firstFile("acme/deployment", ["a.yaml"], { beforeWritingTo: "acme/shop" });

describe("room that is kept for a write", () => {
  it("is free again after the attempt, however many readings asked for it at once", async () => {
    const attempt = attempts();
    const first = attempt();
    await Promise.all([readForWriting(first), readForWriting(first)]);
    first.release();
    for (let at = 0; at < WRITES; at++) await attempt().github.dispatch(...DISPATCH);
  });

  it("is not kept for an attempt that ended while it was asked for", async () => {
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
