import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import type { Delivery, DeliveryLog } from "../src/github/deliveries.ts";
import type { Json } from "../src/model/run.ts";
import { catchUp } from "../src/service/catch-up.ts";

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
const START = Date.parse("2026-11-24T12:00:00Z");

/** One delivery of an event, with the time when GitHub's log shows it. */
type Sending = Omit<Delivery, "id" | "event" | "action"> & { readonly shownAt: number };

/** GitHub's log in pages of 100, a store with one mark, and the accepted deliveries. */
function scene(sendings: readonly Sending[], dateAheadMs = 0) {
  let now = START;
  let mark: Json | undefined;
  let failsAfter = Number.POSITIVE_INFINITY;
  const taken: Delivery[] = [];
  const mayFail = () => {
    if (failsAfter-- <= 0) throw new Error("it fails");
  };
  const log: DeliveryLog = {
    async page(cursor = "0") {
      mayFail();
      const shown = sendings
        .map((each, index): Delivery & Sending => ({ ...each, id: String(index), event: "push", action: undefined }))
        .filter(({ at, shownAt }) => shownAt <= now && at > now - 3 * DAY_MS)
        .reverse()
        .sort((a, b) => b.at - a.at);
      const from = Number(cursor);
      const next = from + 100 < shown.length ? String(from + 100) : undefined;
      return { deliveries: shown.slice(from, from + 100), cursor: next, at: now + dateAheadMs };
    },
    payload: async () => ({ payload: {} }),
  };
  return {
    taken,
    async roundAt(time: number, failing = Number.POSITIVE_INFINITY): Promise<boolean | undefined> {
      now = time;
      failsAfter = failing;
      const store = {
        mark: async () => mark,
        async setMark(_: string, value: Json) {
          mark = JSON.parse(JSON.stringify(value));
        },
      };
      const takeIn = async (delivery: Delivery) => {
        mayFail();
        taken.push(delivery);
      };
      const parts = { log, store, clock: { monotonic: () => 0 }, keptMs: 3 * DAY_MS, wants: () => true, takeIn };
      return catchUp("mark", parts).then(
        ({ hasMore }) => hasMore,
        () => undefined,
      );
    },
  };
}

describe("GitHub's log of webhook deliveries", () => {
  const minutes = fc.integer({ min: 1, max: 600 });
  const status = fc.constantFrom(200, 202, 302, 401, 500, 502, 0);
  const event = fc.record({
    sent: fc.array(fc.record({ minute: minutes, status, lateMs: fc.integer({ min: 0, max: 9 * MINUTE_MS }) }), {
      minLength: 1,
      maxLength: 3,
    }),
  });
  const roundsThat = (failsAfter: fc.Arbitrary<number | null>) =>
    fc.array(fc.record({ minute: minutes, failsAfter }), { maxLength: 12 });
  const rounds = fc.oneof(roundsThat(fc.constant(null)), roundsThat(fc.option(fc.integer({ min: 0, max: 30 }))));

  /** A proxy may report another time than GitHub. If that is ahead and the log is also late, deliveries can be lost. */
  const dateAhead = fc.constantFrom(0, 0, DAY_MS, -DAY_MS);

  it("loses nothing and repeats nothing when deliveries are late, sent again, or fail", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(event, { maxLength: 40 }), rounds, dateAhead, async (events, rounds, ahead) => {
        const sendings = events
          .flatMap(({ sent }, guid) =>
            sent
              .toSorted((a, b) => a.minute - b.minute)
              .map(({ minute, status, lateMs }, nth): Sending => {
                const at = START + minute * MINUTE_MS;
                return { guid: String(guid), at, isRedelivery: nth > 0, status, shownAt: ahead > 0 ? at : at + lateMs };
              }),
          )
          .sort((a, b) => a.at - b.at);
        const { taken, roundAt } = scene(sendings, ahead);
        await roundAt(START);
        for (const { minute, failsAfter } of rounds.toSorted((a, b) => a.minute - b.minute)) {
          await roundAt(START + minute * MINUTE_MS, failsAfter ?? undefined);
        }
        await roundAt(START + 620 * MINUTE_MS);
        await roundAt(START + 640 * MINUTE_MS);

        const isAnswered = ({ status }: Sending) => status >= 200 && status < 300;
        const byGuid = Map.groupBy(sendings, ({ guid }) => guid);
        for (const [guid, its] of byGuid) {
          const times = taken.filter((each) => each.guid === guid).length;
          if (!its.some(isAnswered)) assert.ok(times > 0, `${guid} is lost`);
          if (its.every(isAnswered)) assert.equal(times, 0, `${guid} was answered`);
          // The store knows a delivery that is sent again much later by its GUID.
          const isSound = rounds.every(({ failsAfter }) => failsAfter === null);
          if (isSound) assert.ok(times <= its.length, `${guid} is repeated`);
        }
      }),
      { numRuns: Number(process.env.PROPERTY_RUNS ?? 300) },
    );
  });

  it("is listed again to find deliveries that came during the first listing", async () => {
    const at = START + MINUTE_MS;
    const shown: Delivery[] = [
      { id: "1", guid: "missed", event: "push", action: undefined, at, isRedelivery: false, status: 502 },
    ];
    let clock = 0;
    const store = { mark: async () => ({ until: START, readAt: START, done: {} }), setMark: async () => {} };
    const log: DeliveryLog = {
      page: async () => ({ deliveries: shown.toReversed(), cursor: undefined, at: at + MINUTE_MS }),
      payload: async () => ({ payload: {} }),
    };
    const told: boolean[] = [];
    await catchUp("mark", {
      ...{ log, store, clock: { monotonic: () => clock }, keptMs: DAY_MS, wants: () => true },
      async takeIn(missed, isNewer) {
        for (const [guid, time] of [
          ["before", at - 1000],
          ["after", at + 1000],
        ] as const) {
          shown.push({ ...missed, guid, at: time, status: 202 });
          clock += MINUTE_MS;
          told.push(await isNewer(guid));
        }
        told.push(await isNewer("missed"), await isNewer("unknown"));
      },
    });
    assert.deepEqual(told, [false, true, false, false]);
  });

  it("is accepted in pieces when more was missed than fits into memory", async () => {
    const sendings = Array.from({ length: 25_000 }, (_, n): Sending => {
      const at = START + MINUTE_MS + n * 1000;
      return { guid: String(n), at, shownAt: at, isRedelivery: false, status: 502 };
    });
    const { taken, roundAt } = scene(sendings);
    await roundAt(START);
    const end = START + DAY_MS;
    const more = [await roundAt(end), await roundAt(end), await roundAt(end), await roundAt(end)];
    assert.deepEqual(more, [true, true, false, false]);
    assert.deepEqual(
      taken.map(({ guid }) => guid),
      sendings.map(({ guid }) => guid),
    );
  });
});
