import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { startGitHub } from "../sandbox/github.ts";
import { temporaryFolder } from "./support/folder.ts";
import { unfinished } from "./support/history.ts";
import { buildBundle, dispatchTo, eventually, fixedPort, listening, spawnService } from "./support/process.ts";
import { deploy, TARGET, TOKEN } from "./support/service.ts";

/** Without a bound on what is open they take 50 MB of the heap, and the process ends. */
const CALLERS = 2500;

describe(`${CALLERS} callers at once, with a heap of 44 MB`, () => {
  it("the process outlives them: all are answered once they have sent it again, and every event arrives", {
    timeout: 600_000,
  }, async (t) => {
    const github = await startGitHub({ latencyMs: 5 });
    t.after(() => github.close());
    github.token(TOKEN);
    github.repository(TARGET);
    const applications = Array.from({ length: CALLERS }, (_, at) => `pr-${at}`);
    for (const application of applications) deploy(github, application, `commit-of-${application}`);

    const dataDir = temporaryFolder(t);
    const port = await fixedPort();
    const command = ["--max-old-space-size=44", "--max-semi-space-size=1", await buildBundle(), "serve"];
    const service = spawnService(t, { port, dataDir, githubUrl: github.url, command });
    await listening(service, port);
    let again = 0;
    const answers = await Promise.all(
      applications.map(async (application) => {
        for (;;) {
          const answer = await dispatchTo(port, { application });
          // On a busy machine one of them is not read within 20 s: nothing was stored, and it is sent again.
          if (answer && answer.status !== 408) return answer.status;
          assert.equal(service.child.exitCode ?? service.child.signalCode, null, service.output());
          again++;
          await wait(100 + Math.random() * 400);
        }
      }),
    );
    const statuses = [...Map.groupBy(answers, (status) => status)];
    t.diagnostic(
      `${statuses.map(([status, { length }]) => `${length} times ${status}`).join(", ")}; sent again ${again} times`,
    );
    assert.deepEqual(
      statuses.map(([status]) => status).filter((status) => ![200, 202].includes(status)),
      [],
    );
    await eventually("every run has ended", 120_000, () => unfinished(dataDir) === 0);
    assert.equal(new Set(github.dispatches.map(({ payload }) => payload.commitHash)).size, CALLERS);
    service.stop();
    assert.equal(await service.ended, 0);
  });
});
