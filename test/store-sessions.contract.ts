import assert from "node:assert/strict";
import { describe } from "node:test";
import type { Session } from "../src/model/session.ts";
import { NOW, type OpenStore, promises } from "./store.contract.ts";

const HOUR = 3_600_000;

function session(facts: Partial<Session> = {}): Session {
  return {
    ...{ actor: "token argocd", via: "sign_in_form", credential: "digest", person: undefined },
    ...{ startedAt: NOW, endsAt: NOW + HOUR, ...facts },
  };
}

/** What every store promises about sessions. The tests of each store run it. */
export function sessionsContract(name: string, open: OpenStore): void {
  const promise = promises(open);

  describe(`${name}: sessions`, () => {
    promise("are found until they end, even after the store is opened again", async ({ sessions }, { reopen }) => {
      const person = { from: "oidc", name: "alice", subject: "7", email: "a@acme.com", groups: ["a", "ü\0"] } as const;
      const hers = session({ actor: "user alice", via: "cookie", person });
      await sessions.start("one", hers);
      await sessions.start("two", session());
      assert.deepEqual(await sessions.find("one", NOW), hers);
      assert.deepEqual(await sessions.find("two", NOW), session());
      assert.equal(await sessions.find("three", NOW), undefined);
      assert.deepEqual(await sessions.find("one", NOW + HOUR - 1), hers);
      assert.equal(await sessions.find("one", NOW + HOUR), undefined);
      assert.deepEqual(await (await reopen!()).sessions.find("one", NOW), hers);
    });

    promise("end one by one, and once", async ({ sessions }, { reopen }) => {
      await sessions.start("one", session());
      await sessions.start("two", session());
      assert.equal(await sessions.end("one"), true);
      assert.equal(await sessions.end("one"), false);
      assert.equal(await sessions.find("one", NOW), undefined);
      assert.deepEqual(await sessions.find("two", NOW), session());
      assert.equal(await (await reopen!()).sessions.find("one", NOW), undefined);
    });

    promise("end all of an actor, and of no other", async ({ sessions }) => {
      for (const hash of ["one", "two"]) await sessions.start(hash, session({ actor: "user alice\0" }));
      await sessions.start("three", session({ actor: "user alic" }));
      assert.equal(await sessions.endAll("user alice\0"), 2);
      assert.equal(await sessions.endAll("user alice\0"), 0);
      assert.equal(await sessions.find("two", NOW), undefined);
      assert.ok(await sessions.find("three", NOW));
    });

    promise("that have ended are deleted by the next one", async ({ sessions }) => {
      await sessions.start("old", session());
      await sessions.start("new", session({ startedAt: NOW + HOUR, endsAt: NOW + 2 * HOUR }));
      assert.equal(await sessions.find("old", NOW), undefined, "a clock that is set back does not bring it back");
      assert.ok(await sessions.find("new", NOW));
    });

    promise("that began while the clock was ahead do not last longer", async ({ sessions }) => {
      const ahead = NOW + 365 * 24 * HOUR;
      await sessions.start("ahead", session({ startedAt: ahead, endsAt: ahead + HOUR }));
      assert.ok(await sessions.find("ahead", ahead), "while the clock is ahead");
      assert.equal(await sessions.find("ahead", NOW), undefined, "once it is right again");
      await sessions.start("right", session());
      assert.equal(await sessions.find("ahead", ahead), undefined, "the next one deletes it");
      const replica = NOW + HOUR / 2;
      await sessions.start("replica", session({ startedAt: replica, endsAt: replica + HOUR }));
      assert.ok(await sessions.find("replica", NOW), "clocks of replicas differ a little");
    });

    promise("of one actor are limited to the newest 1000", async ({ sessions }) => {
      for (let at = 0; at < 1002; at++) await sessions.start(`${at}`, session({ startedAt: NOW + at }));
      await sessions.start("other", session({ actor: "user bob" }));
      assert.equal(await sessions.find("1", NOW), undefined);
      assert.ok(await sessions.find("2", NOW));
      assert.equal(await sessions.endAll("token argocd"), 1000);
      assert.ok(await sessions.find("other", NOW));
    });
  });
}
