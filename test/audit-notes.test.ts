import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { auditNotes } from "../src/http/audit-notes.ts";
import type { AuditEntry, AuditNote } from "../src/model/audit.ts";
import { knownSecrets } from "../src/observe/secrets.ts";
import { movedClock } from "./support/clock.ts";

const TOKEN = "ghp_0123456789abcdefABCDEF0123456789abcd";
const ANONYMOUS: AuditNote = {
  actor: "unknown",
  via: "none",
  address: "::1",
  action: "request",
  details: "GET /: 401",
};
const VIEWER: AuditNote = { ...ANONYMOUS, actor: "token prometheus", role: "viewer", details: "POST /api/pause: 403" };

function started() {
  const clock = movedClock();
  const store = { isAway: false, written: [] as AuditEntry[], batches: 0 };
  const add = async (entries: readonly AuditEntry[]) => {
    if (store.isAway) throw new Error("away");
    store.batches++;
    store.written.push(...entries);
  };
  const turn = async () => {
    for (let turns = 0; turns < 5; turns++) await new Promise(setImmediate);
  };
  /** Lets seconds pass one by one, because the batches need their alarms. */
  const pass = async (seconds: number) => {
    for (let second = 0; second < seconds; second++) {
      clock.move(1000);
      await turn();
    }
  };
  const notes = auditNotes(add, clock, knownSecrets([TOKEN]));
  return { clock, store, notes, pass, turn };
}

const counted = (entries: readonly AuditEntry[]) => entries.reduce((sum, { times = 1 }) => sum + times, 0);

describe("requests that are rejected", () => {
  it("are recorded once per second, equal ones as one record with their number", async () => {
    const { store, notes, pass, turn } = started();
    for (let times = 0; times < 5; times++) notes.rejected(ANONYMOUS);
    await turn();
    assert.equal(store.batches, 1);
    for (let times = 0; times < 3; times++) notes.rejected(VIEWER);
    notes.rejected(ANONYMOUS);
    await turn();
    assert.equal(store.batches, 1, "not before the second is over");
    await pass(1);
    assert.deepEqual(
      store.written.map(({ actor, times, outcome }) => [actor, times ?? 1, outcome]),
      [
        ["unknown", 5, "rejected"],
        ["token prometheus", 3, "rejected"],
        ["unknown", 1, "rejected"],
      ],
    );
  });

  it("in a flood from many addresses make few records that count each request", async () => {
    const { store, notes, pass } = started();
    const flood = 60;
    for (let second = 0; second < flood; second++) {
      for (let each = 0; each < 1000; each++) notes.rejected({ ...ANONYMOUS, address: `10.0.${second}.${each}` });
      await pass(1);
    }
    await pass(10);
    assert.equal(counted(store.written), flood * 1000);
    assert.ok(store.written.length <= 100 + 2 * 10 + 1, `${store.written.length} records`);
  });

  it("of a known caller are recorded even while others flood", async () => {
    const { store, notes, pass } = started();
    for (let second = 0; second < 20; second++) {
      for (let each = 0; each < 1000; each++) notes.rejected({ ...ANONYMOUS, address: `10.0.${second}.${each}` });
      await pass(1);
    }
    notes.rejected(VIEWER);
    await pass(1);
    assert.ok(store.written.some(({ actor, details }) => actor === VIEWER.actor && details === VIEWER.details));
  });

  it("of a known caller are recorded even while another known caller floods", async () => {
    const { store, notes, pass } = started();
    for (let second = 0; second < 20; second++) {
      for (let each = 0; each < 300; each++)
        notes.rejected({ ...VIEWER, details: `POST /api/workflows/${second}-${each}/pause: 403` });
      await pass(1);
    }
    const bob: AuditNote = { ...VIEWER, actor: "token bob" };
    notes.rejected(bob);
    await pass(1);
    assert.ok(store.written.some(({ actor, details }) => actor === bob.actor && details === bob.details));
    assert.ok(
      store.written.some(({ actor, times = 1 }) => actor === VIEWER.actor && times > 100),
      "it says who floods",
    );
  });

  it("of very many known callers make few records", async () => {
    const { store, notes, pass } = started();
    for (let second = 0; second < 60; second++) {
      for (let each = 0; each < 300; each++) notes.rejected({ ...VIEWER, actor: `oidc ${second}-${each}` });
      await pass(1);
    }
    await pass(10);
    assert.equal(counted(store.written), 60 * 300);
    assert.ok(store.written.length < 300, `${store.written.length} records`);
  });

  it("in a flood make few records even if someone reads them all the time", async () => {
    const { store, notes, pass } = started();
    for (let second = 0; second < 60; second++) {
      for (let each = 0; each < 300; each++) notes.rejected({ ...ANONYMOUS, address: `10.0.${second}.${each}` });
      await pass(1);
      await notes.flush();
      assert.equal(counted(store.written), 300 * (second + 1), "each read has all");
    }
    assert.ok(store.written.length <= 100 + 60 * 2, `${store.written.length} records`);
  });

  it("are written when the service stops, and when the database is available again", async () => {
    const { store, notes, pass, turn } = started();
    store.isAway = true;
    notes.rejected(ANONYMOUS);
    await notes.note({ actor: "token alice", action: "sign-in" });
    await pass(3);
    assert.deepEqual(store.written, []);
    store.isAway = false;
    await pass(1);
    assert.deepEqual(store.written.map(({ action }) => action).toSorted(), ["request", "sign-in"]);
    for (let each = 0; each < 300; each++) notes.rejected({ ...ANONYMOUS, address: `10.0.0.${each}` });
    await turn();
    await notes.close();
    assert.equal(counted(store.written), 302);
  });
});

describe("what people do", () => {
  it("is stored before the caller gets an answer, each time", async () => {
    const { store, notes } = started();
    const entry = { actor: "token alice", action: "sign-in" } as const;
    await Promise.all(Array.from({ length: 300 }, () => notes.note(entry)));
    assert.equal(store.written.length, 300);
  });

  it("is recorded without tokens, and shortened", async () => {
    const { store, notes } = started();
    const long = `x ${TOKEN} ${"y".repeat(5000)}`;
    await notes.note({ ...VIEWER, actor: long, details: long, address: long });
    notes.rejected({ ...VIEWER, actor: long, details: long });
    await notes.flush();
    const text = JSON.stringify(store.written);
    assert.equal(store.written.length, 2);
    assert.ok(!text.includes(TOKEN.slice(0, 12)) && text.length < 3000, text);
  });
});
