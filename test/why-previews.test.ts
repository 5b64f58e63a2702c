import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { deploy, notify, send, startService } from "./support/service.ts";

describe("why nothing happened with a preview", () => {
  it("shows the state of the tests, also after a report that only repeats an earlier one", async (t) => {
    const { github, url } = await startService(t, { settings: { FOLLOW: "status" } });
    deploy(github, "pr-1", "9fceb02d0ae598e95dc970b74767f19372d61af8");
    await notify(url, { application: "pr-1" });
    const repeat = await notify(url, { application: "pr-1" });
    assert.equal(repeat.json.status, "skipped", repeat.text);
    const { findings } = (await send(url, { path: "/api/why?text=pr-1" })).json;
    const [tests] = findings.filter(({ text }: { text: string }) => text.startsWith("The tests of its newest commit"));
    assert.match(tests.text, /: running\./);
  });
});
