import assert from "node:assert/strict";
import { it } from "node:test";
import { documentOf } from "./support/documents.ts";
import { deploy, notify, startService } from "./support/service.ts";

it("docs/api.md begins with a request and its answer", async (t) => {
  const [{ text } = assert.fail("no example")] = documentOf("docs/api.md").blocks;
  const [, body = "", shown = ""] = /^\$ curl -d '(.*)' localhost:9555\/dispatch\n(.*)\n$/.exec(text) ?? [];
  const { github, url } = await startService(t);
  deploy(github, "pr-1234", JSON.parse(shown).commitHash);
  assert.equal((await notify(url, JSON.parse(body))).text, shown);
});
