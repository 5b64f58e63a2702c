import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { rejectedRequests } from "../src/http/rejected-requests.ts";
import { MAX_REJECTED, type RejectedKind } from "../src/model/overview.ts";
import { StoreUnavailable } from "../src/model/store.ts";
import { openSqliteStore } from "../src/store/sqlite/store.ts";
import { movedClock, until } from "./support/clock.ts";
import { temporaryFolder } from "./support/folder.ts";
import { notify, send, startService } from "./support/service.ts";

const EVENT = { method: "POST", path: "/dispatch", status: 401, application: undefined, reason: "no token" };
const sum = (events: readonly RejectedKind[]) => events.reduce((all, { times }) => all + times, 0);

describe("rejected requests", () => {
  it("cost the store one write per second for any number of them, and each is counted", async (t) => {
    const clock = movedClock();
    const store = openSqliteStore(temporaryFolder(t), clock);
    t.after(() => store.close());
    const writes: number[] = [];
    const rejected = rejectedRequests(async (events) => {
      writes.push(sum(events));
      await store.overview.noteRejected(events);
    }, clock);
    const stored = async () => sum(await store.overview.rejected());
    for (let n = 0; n < 1000; n++) rejected.note(EVENT);
    await until("the first are stored", async () => (await stored()) > 0);
    const first = writes[0] ?? 0;
    for (let n = 0; n < 1000; n++) rejected.note({ ...EVENT, path: `/${n % 3}` });
    await until("a second write waits", () => clock.next() !== undefined);
    assert.equal(await stored(), first);
    clock.move(1000);
    await until("all are stored", async () => (await stored()) === 2000);
    assert.deepEqual(writes, [first, 2000 - first]);
    rejected.note(EVENT);
    await rejected.close();
    assert.equal(await stored(), 2001);
    assert.equal(clock.next(), undefined, "nothing is left to ring");
  });

  it("are still counted while the store is unavailable, and written when it is back", async () => {
    const clock = movedClock();
    const written: RejectedKind[] = [];
    let available = false;
    let asked = 0;
    const rejected = rejectedRequests(async (events) => {
      asked++;
      if (!available) throw new StoreUnavailable("the database is away");
      written.push(...events);
    }, clock);
    rejected.note(EVENT);
    await until("it was tried", () => asked === 1 && clock.next() !== undefined);
    rejected.note(EVENT);
    available = true;
    clock.move(1000);
    await until("they are written", () => sum(written) === 2);
    assert.equal(written.length, 1);
  });

  it("of more kinds than the list holds are counted as one", async () => {
    const clock = movedClock();
    const written: RejectedKind[] = [];
    const rejected = rejectedRequests(async (events) => void written.push(...events), clock);
    for (let n = 0; n < 1000; n++) rejected.note({ ...EVENT, application: `pr-${n}` });
    await rejected.close();
    assert.equal(sum(written), 1000);
    assert.equal(written.length, MAX_REJECTED + 1);
    assert.match(written.at(-1)?.reason ?? "", /More kinds of requests/);
  });

  it("are in the metrics immediately, on the page a second later, and survive a stop", async (t) => {
    const clock = movedClock();
    const settings = { AUTH_TOKENS: "caller-token-0123456789", DATA_DIR: temporaryFolder(t) };
    const authorization = `Bearer ${settings.AUTH_TOKENS}`;
    const { url, app } = await startService(t, { settings, options: { clock } });
    const page = async (at: string) => (await send(at, { path: "/events", headers: { authorization } })).text;
    for (let n = 0; n < 20; n++) await notify(url, {});
    const { text: metrics } = await send(url, { path: "/metrics", headers: { authorization } });
    assert.match(metrics, /^gh_runner_rejected_requests_total\{status="401"\} 20$/m);
    clock.move(1000);
    await until("the page shows them", async () => (await page(url)).includes("20 times"));
    await notify(url, {});
    await notify(url, {});
    await app.close();
    const again = await startService(t, { settings, options: { clock } });
    assert.match(await page(again.url), /22 times/);
  });
});
