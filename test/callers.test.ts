import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Run } from "../src/model/run.ts";
import { waitingCallers } from "../src/worker/callers.ts";
import { movedClock } from "./support/clock.ts";

const ended = (id: string) => ({ id, status: "success" }) as Run;

describe("callers who wait", () => {
  it("are 550 at most: for one more, the caller that waited longest gets its answer", async () => {
    const callers = waitingCallers(movedClock());
    const waiting = Array.from({ length: 551 }, (_, at) => callers.wait(`run-${at}`, 10_000));
    assert.equal(await waiting[0], undefined);
    callers.tell(ended("run-1"));
    assert.equal((await waiting[1])?.id, "run-1");
  });

  it("all get an answer: after their waiting time, when the service stops, and with the run that replaced theirs", async () => {
    const clock = movedClock();
    const callers = waitingCallers(clock);
    const fill = () => Array.from({ length: 3 }, (_, at) => callers.wait(`run-${at}`, 10_000));

    const late = fill();
    clock.move(10_000);
    assert.ok((await Promise.all(late)).every((run) => run === undefined));

    const dismissed = fill();
    callers.dismiss();
    assert.ok((await Promise.all(dismissed)).every((run) => run === undefined));

    const few = fill();
    callers.dismiss(2);
    assert.deepEqual(await Promise.all(few.slice(0, 2)), [undefined, undefined], "those who have waited longest");
    callers.tell(ended("run-2"));
    assert.equal((await few[2])?.id, "run-2");

    const moved = fill();
    for (let at = 0; at < 3; at++) callers.move(`run-${at}`, "the newest");
    callers.tell(ended("the newest"));
    assert.ok((await Promise.all(moved)).every((run) => run?.id === "the newest"));
  });
});
