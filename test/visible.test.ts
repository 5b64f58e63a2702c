import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { describe, it } from "node:test";
import { stripVTControlCharacters } from "node:util";
import fc from "fast-check";
import { PermanentFailure } from "../src/model/failure.ts";
import { oneLine, visible, visibleName } from "../src/model/visible.ts";
import { openLog, terminalDestination } from "../src/observe/log.ts";
import { knownSecrets } from "../src/observe/secrets.ts";
import { command } from "./support/command.ts";
import { startReceiver } from "./support/receiver.ts";
import { notify, send, startService } from "./support/service.ts";
import { httpWorkflow, workflowsFolder } from "./support/workflows.ts";

/** Each of another kind: C0, DEL, C1, directions, no width, a tag, private use, half of a character, separators. */
const HOSTILE = [
  ..."\u0000\u0007\u0008\u001b\u007f\u0085\u009b\u00ad\u061c\u200b\u200c\u200d\u200e\u200f\u202a\u202e\u2060\u2066\u2069",
  ..."\u2028\u2029\ufeff\u115f\u3164\uffa0\u2800\ufe0f\u034f\ue000\ufff9",
  "\u{e0041}",
  "\ud800",
];

const escapes = (text: string) =>
  text.replace(/[^\x20-\x7e]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);

const SOME = "\u001b[2J\u009b31m\u202e\u200b\u{e0041}";
const SHOWN = escapes(SOME);

const UNSEEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\u2800]/u;

function assertSeen(text: string, where: string): void {
  const found = UNSEEN.exec(text.replace(/[\t\n]/g, ""));
  assert.equal(found && escapes(found[0]), null, where);
}

describe("an invisible character", () => {
  it("is shown as an escape", () => {
    for (const each of HOSTILE) {
      for (const show of [visible, visibleName, oneLine]) assert.equal(show(`a${each}b`), `a${escapes(each)}b`);
    }
    assert.equal(visible("a\tb\nc\rd"), "a\tb\nc\\u000dd");
    assert.equal(visibleName("a\tb\nc\rd"), "a\\u0009b\\u000ac\\u000dd");
    assert.equal(oneLine(" a\tb\r\n c\u00a0d \n"), "a b c d");
  });

  it("keeps letters of any script and emoji", () => {
    for (const text of [
      "Tomislav Ćosić",
      "مرحبا",
      "日本語　テスト",
      "क्षि",
      "نمی\u200cخواهم",
      "e\u0301",
      "❤️ 👍🏽 👩‍💻 👨‍👩‍👧 🏳️‍🌈",
      "🇭🇷",
    ]) {
      assert.equal(visible(text), text);
    }
    assert.equal(visible("❤\ufe0f\ufe0f"), "❤\ufe0f\\ufe0f");
    assert.equal(visible("👩\u200dx"), "👩\\u200dx");
  });

  it("keeps the value of JSON", () => {
    fc.assert(
      fc.property(fc.json({ stringUnit: "binary" }), (json) => {
        assert.deepEqual(JSON.parse(visible(json)), JSON.parse(json));
      }),
      { numRuns: 30 },
    );
  });
});

describe("text of others never controls a terminal", () => {
  it("in the log of a service, and never forges a record there", async () => {
    const terminal = new PassThrough();
    const destination = await terminalDestination(terminal);
    const log = openLog({ level: "info", secrets: knownSecrets([]), destination });
    const text = `a${SOME}\nWARN: forged`;
    const cause = new Error(text);
    log.warn({ [text]: text, name: text, deep: [{ [text]: text }], err: new Error(text, { cause }) }, text);
    log.info({ path: "C:\\u001b" }, "unchanged");
    let said = "";
    for await (const chunk of terminal) {
      said += chunk;
      if (said.includes("unchanged")) break;
    }
    const ours = stripVTControlCharacters(said);
    assertSeen(ours, said);
    assert.doesNotMatch(said.replace(/\u001b\[\d\dm/g, ""), /\u001b/, "a colour that is not pino-pretty's");
    assert.ok(ours.includes(`a${SHOWN}\\u000aWARN: forged`));
    assert.doesNotMatch(ours, /^WARN: forged/m);
    assert.match(ours, /INFO: unchanged \{"path":"C:\\u001b"\}/);
  });

  it("in the output of gh-runner run, dispatch, runs list and runs show", async (t) => {
    const files = {
      "odd.ts": httpWorkflow(
        "odd",
        `{
          const text = ${JSON.stringify(`a${SOME}b`)};
          log.info(text, { text });
          await step(text, () => 1);
          await step("fails" + text, () => { throw new Error(text); }).catch(() => {});
          throw new Error(text);
        }`,
      ),
    };
    const WORKFLOWS_DIR = workflowsFolder(t, files);
    const { url } = await startService(t, { settings: { WORKFLOWS_DIR } });
    await send(url, { method: "POST", path: "/odd", body: "{}", headers: { "content-type": "application/json" } });
    await notify(url, { application: `main${SOME}` });
    const { runs } = (await send(url, { path: "/api/runs" })).json;
    assert.equal(runs.length, 2);
    const client = { GH_RUNNER_URL: url };
    for (const [args, settings] of [
      [["run", "odd"], { WORKFLOWS_DIR, GITHUB_TOKEN: "x" }],
      [
        ["dispatch", `pr-${SOME.replace("\u001b", "").replace("\u009b", "")}`],
        { GITHUB_API_URL: "http://127.0.0.1:9", GITHUB_TOKEN: "x" },
      ],
      [["runs", "list"], client],
      ...runs.map(({ id }: { id: string }) => [["runs", "show", id], client]),
      [["runs", "show", `a${SOME.replace("\u0000", "")}`], client],
    ] as [string[], Record<string, string>][]) {
      const { stdout, stderr } = await command(args, settings);
      const said = stdout + stderr;
      assertSeen(said, args.join(" "));
      assert.ok(said.includes("\\u202e"), `${args.join(" ")}: ${said}`);
    }
  });
});

describe("messages to others", () => {
  it("have no such character: the reason of a failure, and its notice", async (t) => {
    const { message } = new PermanentFailure({ tried: `a${SOME}`, happened: `b\n${SOME}`, remedy: "Wait." });
    assert.equal(message, `A${SHOWN} failed: b ${SHOWN}. Wait.`);
    const chat = await startReceiver(t);
    const files = { "odd.ts": httpWorkflow("odd", `{ throw new Error(${JSON.stringify(`a${SOME}b`)}); }`) };
    const settings = { WORKFLOWS_DIR: workflowsFolder(t, files), NOTIFY_URL: `${chat.url}/hook` };
    const { url, app } = await startService(t, { settings });
    await send(url, { method: "POST", path: "/odd", body: "{}", headers: { "content-type": "application/json" } });
    await app.close();
    const [notice] = chat.received;
    assertSeen(JSON.parse(notice?.body ?? "").text, "the notice");
    assert.ok(JSON.parse(notice?.body ?? "").text.includes(SHOWN));
  });
});
