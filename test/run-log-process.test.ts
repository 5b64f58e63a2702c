import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { startGitHub } from "../sandbox/github.ts";
import { until } from "./support/clock.ts";
import { temporaryFolder } from "./support/folder.ts";
import { fixedPort, listening, spawnService } from "./support/process.ts";
import { send, TOKEN } from "./support/service.ts";
import { httpWorkflow, workflowsFolder } from "./support/workflows.ts";

const SECRET = "a-secret-of-the-workflow-0123456789";
const CALLERS_TOKEN = "token-of-the-caller-0123456789";

/** Writes all its secrets in many ways, and then hangs in its first attempt. */
const TELLTALE = httpWorkflow(
  "telltale",
  `const secret = env.SECRET;
    log.info("with " + secret, { secret, in: { a: [secret] } });
    console.log("printed", secret, { secret });
    console.error(new Error("failed with " + secret));
    log.info(secret.slice(0, 17));
    log.info(secret.slice(17));
    log.info(JSON.stringify({ authorization: "Bearer " + process.env.GITHUB_TOKEN }));
    console.table([{ secret }]);
    console.dir({ secret });
    log.debug(Buffer.from(secret).toString("base64"));
    console.log("\\u0000\\u001b[2Jbinary", Buffer.from([0, 1, 255]).toString("latin1"));
    log.warn("attempt " + attempt);
    if (attempt === 1) await new Promise(() => {});
    await step("fails", () => { throw new Error("no " + secret); }).catch(() => {});
    return {};`,
  'env: ["SECRET"],',
);

const OWN_TOKEN = `import { defineWorkflow } from "gh-runner";
import * as z from "zod";

export default defineWorkflow({
  name: "door",
  on: { http: { path: "/door", body: z.object({}), tokenField: "token" } },
  async run({ log }) {
    log.info("the token is ${CALLERS_TOKEN}");
    console.log("${CALLERS_TOKEN.slice(0, 12)}");
    console.log("${CALLERS_TOKEN.slice(12)}");
    return {};
  },
});
`;

describe("the log of a run, in the service as a process", () => {
  it("has what was written just before a kill -9, and no secret is in the database, the log or an answer", async (t) => {
    const github = await startGitHub();
    t.after(() => github.close());
    github.token(TOKEN);
    const port = await fixedPort();
    const url = `http://127.0.0.1:${port}`;
    const folder = workflowsFolder(t, { "telltale.ts": TELLTALE, "door.ts": OWN_TOKEN });
    const settings = { WORKFLOWS_DIR: folder, SECRET, LOG_LEVEL: "debug" };
    const facts = { port, dataDir: temporaryFolder(t), githubUrl: github.url, settings };
    const logOf = async (run: string) => (await send(url, { path: `/api/runs/${run}/logs` })).json.lines;

    const killed = spawnService(t, facts);
    await listening(killed, port);
    const start = async (path: string, body: string) =>
      (await send(url, { method: "POST", path, body, headers: { prefer: "respond-async" } })).json.run as string;
    const door = await start("/door", JSON.stringify({ token: CALLERS_TOKEN }));
    await until("its log is there", async () => (await logOf(door)).length === 3);
    const run = await start("/telltale", "{}");
    await until("the lines are there", async () => (await logOf(run)).at(-1)?.message === "attempt 1");
    const before = await logOf(run);
    await killed.kill();

    const restarted = spawnService(t, facts);
    await listening(restarted, port);
    const detail = async () => (await send(url, { path: `/api/runs/${run}` })).json;
    await until("the run has ended", async () => (await detail()).status === "success");
    const lines = await logOf(run);
    assert.deepEqual(lines.slice(0, before.length), before);
    assert.deepEqual(lines[before.length].attempt, 2);
    assert.equal((await detail()).attempts[0].outcome, "interrupted");
    assert.match(lines.at(-1).message, /^step fails failed: Error: no \*\*\*/);
    const { text } = await send(url, { path: `/api/runs/${run}/logs`, headers: { accept: "text/plain" } });
    assert.doesNotMatch(text, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
    restarted.stop();
    assert.equal(await restarted.ended, 0);

    const stored = readdirSync(facts.dataDir)
      .filter((name) => name.startsWith("gh-runner.sqlite"))
      .map((name) => readFileSync(join(facts.dataDir, name), "latin1"));
    const everything = [text, JSON.stringify(lines), killed.output(), restarted.output(), ...stored].join("\n");
    for (const secret of [SECRET, CALLERS_TOKEN, TOKEN]) {
      const at = everything.indexOf(secret);
      assert.equal(at < 0 ? "" : everything.slice(Math.max(0, at - 200), at + 100), "");
      assert.ok(!everything.includes(Buffer.from(secret).toString("base64").slice(0, 20)), secret);
    }
    // The pieces are in no line of the runs' logs.
    for (const text of [...stored, JSON.stringify(lines)]) {
      for (const secret of [SECRET.slice(0, 17), CALLERS_TOKEN.slice(0, 12)]) assert.ok(!text.includes(secret), secret);
    }
  });
});
