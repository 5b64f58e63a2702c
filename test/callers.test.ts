import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Run } from "../src/model/run.ts";
import { waitingCallers } from "../src/worker/callers.ts";
import { movedClock } from "./support/clock.ts";

const ended = (id: string) => ({ id, status: "success" }) as Run;

describe("callers who wait", () => {
  it("are 550 at most: one more is let go at once, with nothing to say, until others have been answered", async () => {
    const callers = waitingCallers(movedClock());
    const waiting = Array.from({ length: 550 }, (_, at) => callers.wait(`run-${at}`, 10_000));
    assert.equal(await callers.wait("run-550", 10_000), undefined);

    callers.tell(ended("run-0"));
    assert.equal((await waiting[0])?.id, "run-0");
    const next = callers.wait("run-701", 10_000);
    assert.equal(await callers.wait("run-702", 10_000), undefined);
    callers.tell(ended("run-701"));
    assert.equal((await next)?.id, "run-701");
  });

  it("make room however they are let go", async () => {
    const clock = movedClock();
    const callers = waitingCallers(clock);
    const fill = () => Array.from({ length: 550 }, (_, at) => callers.wait(`run-${at}`, 10_000));

    const late = fill();
    clock.move(10_000);
    assert.ok((await Promise.all(late)).every((run) => run === undefined));

    const dismissed = fill();
    callers.dismiss();
    assert.ok((await Promise.all(dismissed)).every((run) => run === undefined));

    const moved = fill();
    for (let at = 0; at < 700; at++) callers.move(`run-${at}`, "the newest");
    callers.tell(ended("the newest"));
    assert.ok((await Promise.all(moved)).every((run) => run?.id === "the newest"));
  });
});
