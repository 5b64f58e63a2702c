import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import {
  AUDIT_ACTIONS,
  AUDIT_OUTCOMES,
  type AuditEntry,
  type AuditRecord,
  type ChainLink,
  NO_LINK,
} from "../src/model/audit.ts";
import { CREDENTIALS } from "../src/model/credential.ts";
import { checkedChain, sealed } from "../src/store/audit-chain.ts";

type Sealed = AuditRecord & { readonly link: ChainLink };

const text = fc.oneof(fc.string({ maxLength: 12 }), fc.constantFrom("a\0b", "\ud83d", "", "token alice"));
const entry: fc.Arbitrary<AuditEntry> = fc.record(
  {
    at: fc.integer({ min: 0, max: 4e12 }),
    actor: text,
    action: fc.constantFrom(...AUDIT_ACTIONS),
    outcome: fc.constantFrom(...AUDIT_OUTCOMES),
    role: fc.constantFrom("caller", "viewer", "operator"),
    via: fc.constantFrom(...CREDENTIALS),
    address: text,
    run: fc.uuid(),
    workflow: text,
    bulk: text,
    details: text,
    times: fc.integer({ min: 1, max: 1000 }),
  },
  { requiredKeys: ["at", "actor", "action"] },
);
const chain = fc.array(entry, { minLength: 3, maxLength: 12 }).map((entries) => sealed(NO_LINK, entries));

const headOf = (records: readonly Sealed[]) => records.at(-1)?.link ?? NO_LINK;

function problemsOf(records: readonly Sealed[], { head = headOf(records), anchor = NO_LINK } = {}) {
  const check = checkedChain(anchor);
  for (const { link, ...record } of records) check.read(record as Sealed, link);
  return check.end(head).problems;
}

/** A chain, and positions in it. */
const places = chain.chain((records) =>
  fc.tuple(fc.constant(records), fc.nat(records.length - 1), fc.nat(records.length - 1)),
);

describe("the chain of the audit log", () => {
  it("is intact as it was written, together or one by one, and after its oldest were deleted", () => {
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 12 }), fc.nat(12), (entries, at) => {
        const records = sealed(NO_LINK, entries);
        const one: Sealed[] = [];
        for (const each of entries) one.push(...sealed(headOf(one), [each]));
        assert.deepEqual(one, records);
        assert.deepEqual(problemsOf(records), []);
        const [anchor, kept] = [headOf(records.slice(0, at)), records.slice(at)];
        assert.deepEqual(problemsOf(kept, { anchor, head: headOf(records) }), []);
      }),
    );
  });

  it("shows which records were removed, at both ends too", () => {
    fc.assert(
      fc.property(places, fc.nat(3), ([records, at], more) => {
        const left = records.toSpliced(at, more + 1);
        const [from, to] = [at + 1, Math.min(records.length, at + more + 1)];
        const kind = to === records.length ? "cut_end" : at === 0 ? "cut_start" : "missing";
        assert.deepEqual(problemsOf(left, { head: headOf(records) }), [{ kind, from, to }]);
      }),
    );
  });

  it("shows each value that was changed", () => {
    const change = fc.constantFrom<(record: Sealed) => Partial<Sealed>>(
      ({ at }) => ({ at: at + 1 }),
      ({ actor }) => ({ actor: `${actor}!` }),
      ({ action }) => ({ action: action === "paused" ? "resumed" : "paused" }),
      ({ outcome }) => ({ outcome: outcome === "done" ? "rejected" : "done" }),
      ({ role }) => ({ role: role === "caller" ? undefined : "caller" }),
      ({ via }) => ({ via: via === "bearer" ? undefined : "bearer" }),
      ({ address = "" }) => ({ address: `${address}1` }),
      ({ run }) => ({ run: run === undefined ? "" : undefined }),
      ({ workflow = "" }) => ({ workflow: `${workflow}*` }),
      ({ bulk = "" }) => ({ bulk: `${bulk}b` }),
      ({ details = "" }) => ({ details: `${details}.` }),
      ({ times }) => ({ times: times + 1 }),
    );
    fc.assert(
      fc.property(places, change, ([records, at], changed) => {
        const record = records[at] as Sealed;
        const after = records.with(at, { ...record, ...changed(record) });
        assert.deepEqual(problemsOf(after), [{ kind: "changed", from: at + 1, to: at + 1 }]);
      }),
    );
  });

  it("shows that a value was moved into another field", () => {
    const at = 1;
    const one = sealed(NO_LINK, [{ at, actor: "a", action: "paused", workflow: "deploy" }]) as [Sealed];
    const { workflow: _, ...without } = one[0];
    assert.deepEqual(problemsOf([{ ...without, details: "deploy" }]), [{ kind: "changed", from: 1, to: 1 }]);
  });

  it("shows records in another order, and records that were added, copied or rewritten from some point on", () => {
    fc.assert(
      fc.property(places, entry, ([records, one, other], extra) => {
        fc.pre(one !== other);
        const [a, b] = [records[one] as Sealed, records[other] as Sealed];
        assert.notDeepEqual(problemsOf(records.with(one, b).with(other, a)), []);
        assert.notDeepEqual(problemsOf(records.toSpliced(one, 0, b)), [], "copied");
        const forged = sealed(records[one - 1]?.link ?? NO_LINK, [extra]) as Sealed[];
        assert.notDeepEqual(problemsOf(records.toSpliced(one, 0, ...forged)), [], "added");
        const behind = [...records, ...sealed(headOf(records), [extra])];
        assert.notDeepEqual(problemsOf(behind, { head: headOf(records) }), [], "added at the end");
        const rewritten = sealed(records[one - 1]?.link ?? NO_LINK, [
          { ...a, actor: `${a.actor}!` },
          ...records.slice(one + 1),
        ]);
        assert.deepEqual(
          problemsOf([...records.slice(0, one), ...rewritten], { head: headOf(records) }).map(({ kind }) => kind),
          ["changed"],
          "the newest is not the one that the store remembers",
        );
      }),
    );
  });

  it("is described in the documents: the hash can be computed with other tools", () => {
    const [record] = sealed(NO_LINK, [
      {
        at: 1_795_867_200_000,
        actor: "token alice",
        role: "operator",
        via: "bearer",
        address: "10.0.0.7",
        action: "paused",
        workflow: "*",
      },
    ]) as [Sealed];
    assert.deepEqual(record.link, {
      number: 1,
      hash: "7c8390a6f26509f32f3bb2c5396901b91d15408ab1f812ced6b45335cce526c1",
    });
  });
});
