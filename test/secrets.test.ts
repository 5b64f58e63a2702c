import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { knownSecrets } from "../src/secrets.ts";
import { deploy, notify, send, startService, TOKEN } from "./support/service.ts";

const CALLER = "caller-Token/with+odd=chars~1234567890";
const OWN = 'own"tok\\en-0123456789-abcdef';

describe("a token never shows", () => {
  it("in no log line, answer or error, however it comes", async (t) => {
    const settings = { AUTH_TOKENS: CALLER, LOG_LEVEL: "trace" };
    const { github, url, logLines } = await startService(t, { settings });
    github.token(OWN);
    deploy(github, "pr-1", "abc");
    const secrets = [TOKEN, CALLER, OWN];
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

  it("not even one that nobody announced, when it looks like GitHub's", () => {
    const { scrub } = knownSecrets([]);
    for (const token of [`ghp_${"a1".repeat(18)}`, `github_pat_${"b2".repeat(30)}`, `ghs_123_${"c3".repeat(20)}.x.y`]) {
      assert.equal(scrub(`reading ${token} failed`), "reading *** failed");
    }
    assert.equal(scrub("Authorization: Bearer abcdefghijklmnopqrst"), "Authorization: ***");
  });

  it("is hidden only as long as somebody asks for it", () => {
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

describe("the log", () => {
  it("says everything about an attempt in one record", async (t) => {
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
