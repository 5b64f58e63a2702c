import assert from "node:assert/strict";
import { it } from "node:test";
import { connectionsFor } from "../src/http/heap-room.ts";

const MB = 1024 * 1024;

it("a heap has room for connections up to three quarters, with those that are open", () => {
  const limit = 46 * MB;
  assert.equal(connectionsFor(0, 12 * MB, limit), 589);
  assert.equal(connectionsFor(300, 20 * MB, limit), 680);
  assert.equal(connectionsFor(300, 40 * MB, limit), 155, "more are closed unread until fewer are open");
  assert.equal(connectionsFor(20, 45 * MB, limit), 50, "the health can be asked for");
});
