import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Hono } from "hono";
import * as z from "zod";
import { assetsIn } from "../src/dashboard/assets.ts";
import { type Callbacks, mountCallbackPages } from "../src/dashboard/callback-pages.ts";
import { schemaForm } from "../src/dashboard/form.ts";
import { ANY_READER } from "../src/dashboard/reader.ts";
import { enteredFrom, fieldsOf, filledIn } from "../src/dashboard/schema-fields.ts";
import { MAX_VALUES } from "../src/model/json-values.ts";
import type { Json } from "../src/model/run.ts";
import type { Callback } from "../src/model/store.ts";

const jsonSchema = (schema: z.ZodType) => z.toJSONSchema(schema, { io: "input" }) as unknown as Json;

const RELEASE = z.object({
  version: z.string().describe("Tag to <release>"),
  channel: z.enum(["stable", "beta"]).default("beta"),
  share: z.int().min(1).max(100).optional(),
  factor: z.number().optional(),
  notify: z.boolean().default(true),
  contact: z.email().optional(),
  day: z.iso.date().optional(),
  at: z.iso.datetime().optional(),
  size: z.union([z.literal(1), z.literal(2)]).optional(),
  note: z.string().nullable(),
  targets: z.array(z.string()).default(["eu"]),
});

/** What a browser sends: every field except unchecked boxes. */
const sent = (entries: Record<string, string>) => {
  const form = new URLSearchParams(entries);
  return (name: string) => form.get(name) ?? undefined;
};

describe("a form made from a JSON Schema", () => {
  const fields = fieldsOf(jsonSchema(RELEASE), "Input");

  it("has a field of the right kind for each property, with its default, description and format", async () => {
    const text = String(await schemaForm({ action: "/x", fields, submit: "Run" }));
    for (const expected of [
      /<label for="field-0">version <small>required<\/small><\/label><p class="note" id="field-0-about">Tag to &lt;release&gt;</,
      /<input type="text" id="field-0" name="input.version" autofocus aria-describedby="field-0-about" required value=""/,
      /<select id="field-1" name="input.channel">.*<option value="stable">stable<\/option><option value="beta" selected>/s,
      /<input type="number" step="1" id="field-2" name="input.share" min="1" max="100" value="">/,
      /<input type="number" step="any" id="field-3"/,
      /<input type="checkbox" value="true" id="field-4" name="input.notify" checked>/,
      /<input type="email" id="field-5"/,
      /<input type="date" id="field-6"/,
      /id="field-7-about">A time such as 2026-03-01T09:30:00Z\./,
      /<select id="field-8".*<option value="2">2<\/option>/s,
      /<textarea rows="\d+" spellcheck="false" id="field-10" name="input.targets" aria-describedby="field-10-about">\n\[\n {2}&quot;eu&quot;\n\]<\/textarea>/,
    ]) {
      assert.match(text, expected);
    }
  });

  it("makes a value for the schema from the filled fields", () => {
    const { value, problems } = filledIn(
      fields,
      sent({
        "input.version": "v1",
        "input.channel": "stable",
        "input.share": "7",
        "input.factor": "1.5",
        "input.contact": "",
        "input.size": "2",
        "input.targets": '["us"]',
      }),
    );
    assert.deepEqual(problems, []);
    const expected = { version: "v1", channel: "stable", share: 7, factor: 1.5, notify: false, size: 2, note: null };
    assert.deepEqual(value, { ...expected, targets: ["us"] });
    assert.deepEqual(RELEASE.parse(value), value);
  });

  it("shows at each field what is invalid, and keeps the entered text", async () => {
    const entered = sent({ "input.share": "many", "input.channel": "alpha", "input.targets": "[eu" });
    const { problems } = filledIn(fields, entered);
    assert.deepEqual(
      problems.map(({ field, message }) => `${field} ${message.slice(0, 24).trim()}`),
      [
        "version is required",
        "channel must be one of the choic",
        "share must be a number",
        "targets is not JSON: Unexpected",
      ],
    );
    const text = String(await schemaForm({ action: "/x", fields, tried: { entered, problems }, submit: "Run" }));
    assert.match(text, /aria-describedby="field-0-about field-0-wrong" aria-invalid="true" required value=""/);
    assert.match(text, /<p class="error" id="field-2-wrong">must be a number<\/p>/);
    assert.match(text, /value="many"/);
    assert.match(text, />\n\[eu<\/textarea>/);
    assert.equal([...text.matchAll(/ autofocus/g)].length, 1, "the first wrong field has the focus");
  });

  it("shows problems without a field above all fields, and the place within a field before its problem", async () => {
    const problems = [
      { field: "", message: "a beta needs a share" },
      { field: "targets.0", message: "too short" },
    ];
    const tried = { entered: sent({}), problems };
    const text = String(await schemaForm({ action: "/x", fields, tried, submit: "Run" }));
    assert.match(text, /<ul class="error"><li>a beta needs a share<\/li><\/ul>/);
    assert.match(text, /<p class="error" id="field-10-wrong">0: too short<\/p>/);
  });

  it("starts with an existing value, and returns it", () => {
    const value = { version: "v1", channel: "stable", share: 3, notify: true, note: null, targets: ["a", "b"] };
    assert.deepEqual(filledIn(fields, enteredFrom(fields, value)).value, value);
    const whole = fieldsOf(undefined, "Input");
    for (const each of [{ deep: [{ a: 1 }] }, "text", null, 7, [true]]) {
      assert.deepEqual(filledIn(whole, enteredFrom(whole, each)).value, each);
    }
  });

  it("is one field for an object that may have more properties, so that it keeps them", () => {
    const loose = fieldsOf(jsonSchema(z.looseObject({ n: z.number().optional() })), "Input");
    const value = { n: 1, more: ["a"] };
    assert.deepEqual(filledIn(loose, enteredFrom(loose, value)).value, value);
  });

  it("rejects JSON with too many values", () => {
    const whole = fieldsOf(undefined, "Input");
    const { problems } = filledIn(whole, () => `[${"0,".repeat(MAX_VALUES)}0]`);
    assert.deepEqual(problems, [{ field: "", message: "has more values than the service has room for" }]);
  });

  it("is one field for anything that is not an object, and treats a name such as __proto__ as a name", () => {
    const flag = fieldsOf(jsonSchema(z.boolean()), "Answer");
    assert.deepEqual([flag.length, flag[0]?.control.kind], [1, "boolean"]);
    assert.equal(filledIn(flag, sent({ input: "true" })).value, true);
    const odd = fieldsOf(JSON.parse('{"type":"object","properties":{"__proto__":{"type":"string"}}}'), "Input");
    const { value } = filledIn(odd, sent({ "input.__proto__": "x" }));
    assert.deepEqual(JSON.stringify(value), '{"__proto__":"x"}');
    assert.equal(Object.getPrototypeOf(value), Object.prototype);
  });
});

describe("the page of a callback", () => {
  const CALLBACK: Callback = {
    run: "a-run",
    workflow: "release",
    name: "approval",
    schema: jsonSchema(z.object({ approved: z.boolean(), why: z.string() })),
    state: "open",
    answeredAt: undefined,
  };

  const start = (callback: Callback | undefined, problems: { path: string[]; message: string }[] = []) => {
    const answers: unknown[] = [];
    const failures: unknown[] = [];
    const callbacks: Callbacks = {
      find: async (secret) => (secret === "broken" ? Promise.reject(new Error("bug")) : callback),
      async answer(secret, body, { actor }) {
        if (problems.length > 0) return { status: "invalid", problems };
        answers.push([secret, body, actor]);
        return { status: "taken" };
      },
    };
    const app = new Hono();
    const scrub = (text: string) => text.replaceAll(/ghp_\w+/g, "***");
    const failed = (path: string) => void failures.push(path);
    const look = { name: undefined, time: "local", assets: assetsIn(undefined) } as const;
    const frame = () => ({
      look,
      version: "1",
      reader: ANY_READER,
      signedIn: false,
      revision: undefined,
      paused: [],
      failures: 0,
      zone: "UTC",
      now: 0,
    });
    mountCallbackPages(app, { callbacks, frame, whoOf: async () => ({ actor: "callback" }), scrub, failed });
    const send = (body: string) =>
      app.request("/callbacks/s3cret/form", {
        method: "POST",
        body,
        headers: { "content-length": String(body.length), "content-type": "application/x-www-form-urlencoded" },
      });
    return { app, answers, failures, send };
  };

  it("asks a person, accepts the answer once, and shows that it was accepted", async () => {
    const { app, answers, send } = start(CALLBACK);
    const page = await app.request("/callbacks/s3cret");
    assert.equal(page.status, 200);
    assert.equal(page.headers.get("cache-control"), "no-store");
    assert.match(page.headers.get("content-security-policy") ?? "", /default-src 'none'/);
    assert.match(await page.text(), /<form class="fields" method="post" action="\/callbacks\/s3cret\/form">/);
    const answered = await send("input.approved=true&input.why=fine");
    assert.deepEqual([answered.status, answered.headers.get("location")], [303, "/callbacks/s3cret"]);
    assert.deepEqual(answers, [["s3cret", { approved: true, why: "fine" }, "callback"]]);
    const after = start({ ...CALLBACK, state: "answered", answeredAt: 0 });
    assert.match(
      await (await after.app.request("/callbacks/s3cret")).text(),
      /Answered <time[^>]*>1970-01-01 00:00:00 UTC/,
    );
    await after.send("input.approved=true&input.why=again");
    assert.deepEqual(after.answers, [], "a second answer is not taken");
  });

  it("shows what is wrong with an answer, and keeps the filled fields", async () => {
    const { answers, send } = start(CALLBACK);
    const empty = await send("input.approved=true");
    assert.equal(empty.status, 422);
    assert.match(await empty.text(), /name="input.approved" autofocus checked>|checked>.*is required/s);
    const late = await start(CALLBACK, [{ path: ["why"], message: "too short" }]).send("input.why=no");
    assert.equal(late.status, 422);
    assert.match(await late.text(), /value="no".*too short/s);
    assert.deepEqual(answers, []);
  });

  it("does not repeat a token of an answer", async () => {
    const { send } = start(CALLBACK, [{ path: ["why"], message: "holds a token" }]);
    const text = await (await send("input.why=ghp_0123456789abcdef")).text();
    assert.match(text, /value="\*\*\*".*holds a token/s);
    const json = start({ ...CALLBACK, schema: undefined });
    assert.doesNotMatch(await (await json.send("input=ghp_0123456789abcdef")).text(), /ghp_|0123/);
  });

  it("reports that a link is wrong or expired, and names no secret when it fails", async () => {
    assert.equal((await start(undefined).app.request("/callbacks/none")).status, 404);
    const over = await start({ ...CALLBACK, state: "over" }).app.request("/callbacks/s3cret");
    assert.match(await over.text(), /no longer waits for this answer/);
    const { app, failures } = start(CALLBACK);
    assert.equal((await app.request("/callbacks/broken")).status, 500);
    assert.deepEqual(failures, ["/callbacks/…"]);
  });
});
