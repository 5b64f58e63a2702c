import assert from "node:assert/strict";
import { it } from "node:test";
import { documentOf } from "./support/documents.ts";
import { deploy, notify, send, startService } from "./support/service.ts";

it("docs/api.md begins with a request and its answer", async (t) => {
  const [{ text } = assert.fail("no example")] = documentOf("docs/api.md").blocks;
  const [, body = "", shown = ""] = /^\$ curl -d '(.*)' localhost:9555\/dispatch\n(.*)\n$/.exec(text) ?? [];
  const { github, url } = await startService(t);
  deploy(github, "pr-1234", JSON.parse(shown).commitHash);
  assert.equal((await notify(url, JSON.parse(body))).text, shown);
});

it("docs/api.md shows a problem with the words of the service", async (t) => {
  const { url } = await startService(t);
  const shown = documentOf("docs/api.md").blocks.find(({ text }) => text.includes("about:blank"))?.text ?? "";
  assert.deepEqual((await notify(url, { application: 1 })).json, JSON.parse(shown));
});

it("docs/access.md shows what a token may do", async (t) => {
  const [, { text } = assert.fail("no example")] = documentOf("docs/access.md").blocks;
  const [, shown] = /^\$ curl -H "Authorization: Bearer \$TOKEN" localhost:9555\/api\/me\n(.*)\n$/.exec(text) ?? [];
  const token = "0123456789abcdef0123456789abcdef";
  const { url } = await startService(t, { settings: { AUTH_TOKENS: `argocd:caller@environment-ready:${token}` } });
  const answer = await send(url, { path: "/api/me", headers: { authorization: `Bearer ${token}` } });
  assert.equal(answer.text, shown);
});
