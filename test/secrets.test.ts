import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { knownSecrets } from "../src/observe/secrets.ts";
import { deploy, notify, send, startService, TOKEN } from "./support/service.ts";

const CALLER = "caller-Token/with+odd=chars~1234567890";
const CALLERS_TOKEN = 'git"tok\\en-0123456789-abcdef';

describe("a token never shows", () => {
  it("in no log line, answer or error, for every way in which it arrives", async (t) => {
    const settings = { AUTH_TOKENS: CALLER, LOG_LEVEL: "trace" };
    const { github, url, logLines } = await startService(t, { settings });
    github.token(CALLERS_TOKEN);
    deploy(github, "pr-1", "abc");
    const secrets = [TOKEN, CALLER, CALLERS_TOKEN];
    const answers: string[] = [];
    const authorization = `Bearer ${CALLER}`;
    const keep = async (answer: ReturnType<typeof send>) => {
      const { text, headers } = await answer;
      answers.push(text + JSON.stringify(headers));
    };

    for (const secret of secrets) {
      await keep(notify(url, { application: "pr-1", github_token: secret }, { authorization }));
      await keep(notify(url, { application: secret, github_token: secret }, { authorization }));
      await keep(
        notify(url, { application: `pr-${secret.replace(/[\\/]/g, "")}`, github_token: secret }, { authorization }),
      );
      await keep(notify(url, { application: "pr-1", revision: secret, github_token: secret }, { authorization }));
      await keep(notify(url, { application: "pr-1", github_token: `${secret}\u0000` }, { authorization }));
      await keep(notify(url, { application: "pr-1", github_token: [secret] }, { authorization }));
      await keep(notify(url, `{"application":"pr-1","github_token":${secret}`, { authorization }));
      await keep(notify(url, { application: "pr-1" }, { authorization: `Bearer ${secret}x` }));
      await keep(
        notify(url, { application: "pr-1" }, { authorization: `Basic ${Buffer.from(secret).toString("base64")}` }),
      );
      await keep(
        send(url, { path: `/dispatch?github_token=${encodeURIComponent(secret)}`, headers: { authorization } }),
      );
      await keep(send(url, { path: `/${encodeURIComponent(secret)}`, headers: { authorization } }));

      for (const fault of [
        { kind: "status", status: 403, body: JSON.stringify({ message: `no access with ${secret}` }) },
        { kind: "status", status: 500, body: `Authorization: Bearer ${secret}` },
        {
          kind: "status",
          status: 307,
          headers: { location: `http://127.0.0.1:1/?token=${encodeURIComponent(secret)}` },
        },
        { kind: "reset" },
        { kind: "cut" },
      ] as const) {
        github.fault({ route: "POST /repos/{owner}/{repo}/dispatches", times: 3 }, fault);
        await keep(notify(url, { application: "pr-1", github_token: secret }, { authorization }));
        github.clearFaults();
      }
    }

    const said = [...answers, ...logLines].join("\n");
    assert.ok(said.includes("***"), "nothing was hidden, so nothing was tested");
    for (const secret of secrets) {
      for (const spelling of [secret, encodeURIComponent(secret), JSON.stringify(secret).slice(1, -1)]) {
        const leak = said.split("\n").find((line) => line.includes(spelling));
        assert.equal(leak, undefined);
      }
    }
    for (const line of logLines) JSON.parse(line);
  });

  it("not even an unknown one, if it looks like a token of GitHub", () => {
    const { scrub } = knownSecrets([]);
    for (const token of [`ghp_${"a1".repeat(18)}`, `github_pat_${"b2".repeat(30)}`, `ghs_123_${"c3".repeat(20)}.x.y`]) {
      assert.equal(scrub(`reading ${token} failed`), "reading *** failed");
    }
    assert.equal(scrub("Authorization: Bearer abcdefghijklmnopqrst"), "Authorization: ***");
  });

  for (const [name, token] of Object.entries({
    classic: `ghp_${"a1B2c3D4e5F6".repeat(3)}`,
    "of an installation": `ghs_123456_eyJhbGciOi.${"Zx9-_".repeat(97)}.s1g`,
    "with odd characters": "git\"tok\\en/with+odd=chars~!'(0123456789)*<&>",
  })) {
    it(`in no encoding: a token ${name}`, () => {
      const { scrub, withoutTokens, tokenIn } = knownSecrets([token]);
      const encoded = encodings(token);
      for (const text of encoded) {
        const clean = scrub(`GitHub said ${text} to it`);
        assert.match(clean, /^GitHub said .{0,30}\*\*\*.{0,6} to it$/, `${text} became ${clean}`);
        assert.equal(clean.replaceAll("***", "").length < 60, true, clean);
        assert.equal(tokenIn({ a: [text] }), "a.0", text);
        assert.ok(!JSON.stringify(withoutTokens({ [text]: text })).includes(text.slice(4, -4)));
      }
    });
  }

  it("even if it begins like another one, or overlaps with one", () => {
    const { scrub } = knownSecrets(["one-secret-0123456789", "one-secret-9876543210", "9876543210-and-more"]);
    assert.equal(scrub("a one-secret-0123456789 b"), "a *** b");
    assert.equal(scrub("a one-secret-9876543210-and-more b"), "a *** b");
    assert.equal(scrub("a one-secret-5555555555 b"), "a one-secret-5555555555 b");
    assert.equal(scrub("one-secret-0123456789one-secret-9876543210"), "******");
  });

  it("in any text: the result equals a search for each secret, one after the other", () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ unit: fc.constantFrom("a", "b", "\u{161}", "%", "A"), minLength: 12, maxLength: 20 }), {
          minLength: 1,
          maxLength: 8,
        }),
        fc.array(fc.nat(9)),
        fc.string({ unit: fc.constantFrom("a", "b", "\u{161}", "%", "A", "x"), maxLength: 40 }),
        (secrets, picks, filler) => {
          const text = picks.map((pick) => (secrets[pick] ?? "") + filler.slice(0, pick)).join(" ");
          const { scrub } = knownSecrets(secrets);
          const clean = scrub(text).toLowerCase();
          for (const secret of secrets) assert.ok(!clean.includes(secret.toLowerCase()), `${secret} in ${clean}`);
          if (!secrets.some((secret) => text.toLowerCase().includes(secret.toLowerCase()))) {
            assert.equal(scrub(text), text);
          }
        },
      ),
      { numRuns: 500 },
    );
  });

  it("and neither does a password in an address, or the path of a webhook", () => {
    const { scrub } = knownSecrets([]);
    for (const [given, said] of [
      ["at https://x:s3cret@github.com/a/b and", "at https://x:***@github.com/a/b and"],
      ["postgres://u:p%23ss@db:5432/x", "postgres://u:***@db:5432/x"],
      [`https://${"0a".repeat(20)}@github.com`, "https://***@github.com"],
      ["https://hooks.slack.com/services/T0/B0/abc failed", "https://hooks.slack.com/*** failed"],
      ["https://discord.com/api/webhooks/1/a_b-c", "https://discord.com/api/webhooks/***"],
      ["with xoxb-1234567890-abcdef", "with ***"],
      [`git sent ${btoa("x-access-token:0123456789abcdef")}`, "git sent ***"],
    ] as const) {
      assert.equal(scrub(given), said);
    }
    for (const text of ["http://localhost:4873/@scope/name", "postgres://user@db/x", "a https://github.com/@me b"]) {
      assert.equal(scrub(text), text);
    }
  });

  it("is hidden only while some caller needs it", () => {
    const { hide, scrub } = knownSecrets(["permanent-secret"]);
    const [first, second] = [hide("passing-secret"), hide("passing-secret")];
    first();
    assert.equal(scrub("passing-secret permanent-secret"), "*** ***");
    second();
    assert.equal(scrub("passing-secret permanent-secret"), "passing-secret ***");
  });

  it("inside errors and their causes", () => {
    const { scrubAll } = knownSecrets(["permanent-secret"]);
    const error = new Error("with permanent-secret", { cause: new Error("and permanent-secret") });
    const circle: Record<string, unknown> = { error };
    circle.self = circle;
    assert.ok(!JSON.stringify(scrubAll(circle)).includes("permanent-secret"));
  });
});

/** Other spellings of a token. */
function encodings(token: string): readonly string[] {
  const hex = Buffer.from(token).toString("hex");
  const percent = [encodeURIComponent(token), encodeURI(token), String(new URLSearchParams({ "": token })).slice(1)];
  const inBase64 = ["", "x", "xy", "user:", "x-access-token:", "a:b:"].flatMap((before) =>
    ["", "\n", "yz"].flatMap((behind) => {
      const bytes = Buffer.from(before + token + behind);
      return [bytes.toString("base64"), bytes.toString("base64url")];
    }),
  );
  return [
    token,
    token.toUpperCase(),
    token.toLowerCase(),
    hex,
    hex.toUpperCase(),
    hex.replace(/../g, "%$&"),
    ...percent,
    ...percent.map((text) => text.replace(/%../g, (each) => each.toLowerCase())),
    ...inBase64,
    JSON.stringify(token).slice(1, -1),
    token
      .replaceAll("&", "&amp;")
      .replaceAll("<", "&lt;")
      .replaceAll(">", "&gt;")
      .replaceAll('"', "&quot;")
      .replaceAll("'", "&#39;"),
  ];
}

describe("the log", () => {
  it("has everything about an attempt in one record", async (t) => {
    const { github, url, log } = await startService(t);
    deploy(github, "pr-1", "abc");
    github
      .repository("acme/deployment")
      .put("configs/pr/light/pr-1/values.yaml", "global: {config: {DEPLOYMENT_TAG: x}}", "r1");
    const answer = await notify(url, { application: "pr-1", revision: "r1" });
    const records = log().filter(({ run }) => run === answer.headers["x-run-id"]);
    assert.equal(records.length, 1);
    const { duration_ms, time, github_request_id, ...facts } = records[0]!;
    assert.equal(typeof duration_ms, "number");
    assert.match(String(github_request_id), /\S/);
    assert.ok(!Number.isNaN(Date.parse(String(time))));
    assert.deepEqual(facts, {
      level: "info",
      run: answer.headers["x-run-id"],
      workflow: "environment-ready",
      application: "pr-1",
      revision: "r1",
      attempt: 1,
      outcome: "success",
      outputs: { commitHash: "x", sourceName: "pr-1" },
      msg: "run succeeded",
    });
  });

  it("keeps a hostile name inside its record", async (t) => {
    const { url, logLines } = await startService(t);
    await notify(url, { application: 'x\n{"level":"error","msg":"forged"}\u001b[31m' });
    assert.equal(logLines.filter((line) => JSON.parse(line).msg === "forged").length, 0);
    for (const line of logLines) assert.equal(line.trimEnd().split("\n").length, 1);
  });
});
