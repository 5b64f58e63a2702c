import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { startGitHub } from "../sandbox/github.ts";
import { temporaryFolder } from "./support/folder.ts";
import { integrity, readHistory, unfinished } from "./support/history.ts";
import { dispatchTo, eventually, fixedPort, listening, spawnService } from "./support/process.ts";
import { DEPLOYMENT, deploy, TARGET, TOKEN } from "./support/service.ts";

const operations = readFileSync(fileURLToPath(new URL("../docs/operations.md", import.meta.url)), "utf8");

/** The two commands that docs/operations.md shows, as they stand there. */
const COMMANDS = ["sqlite3 ", "node -e "].map((start) => {
  const line = operations.split("\n").find((each) => each.startsWith(start));
  assert.ok(line, start);
  return line;
});

describe("a backup, as docs/operations.md makes it while the service runs under load", () => {
  for (const command of COMMANDS) {
    it(command.split(" ", 1)[0] ?? "", async (t) => {
      if (spawnSync(command.split(" ", 1)[0] ?? "", ["--version"]).error) return t.skip("it is not installed here");
      const folder = temporaryFolder(t);
      const dataDir = join(folder, "data");
      const github = await startGitHub({ record: false });
      t.after(() => github.close());
      github.token(TOKEN);
      github.repository(TARGET);
      github.repository(DEPLOYMENT);
      for (let at = 0; at < 20; at++) deploy(github, `pr-${at}`, "abc");
      const port = await fixedPort();
      const service = spawnService(t, { port, dataDir, githubUrl: github.url });
      await listening(service, port);

      const answered: string[] = [];
      let loading = true;
      const load = Promise.all(
        Array.from({ length: 4 }, async (_, client) => {
          for (let at = client; loading; at += 4) {
            const heard = await dispatchTo(port, { application: `pr-${at % 20}` }, { prefer: "respond-async" });
            if (heard?.run) answered.push(heard.run);
          }
        }),
      );
      await eventually("there is something to keep", 20_000, () => answered.length > 200);
      const before = [...answered];
      const made = spawnSync("sh", ["-c", command], { cwd: folder, encoding: "utf8" });
      assert.equal(made.status, 0, made.stderr);
      const loadedOn = answered.length;
      await eventually("the service goes on", 20_000, () => answered.length > loadedOn + 20);
      loading = false;
      await load;
      await service.kill();

      const restored = join(folder, "restored");
      mkdirSync(restored);
      copyFileSync(join(folder, "gh-runner-backup.sqlite"), join(restored, "gh-runner.sqlite"));
      assert.equal(integrity(restored), "ok");
      const kept = new Set(readHistory(restored).map(({ id }) => id));
      assert.deepEqual(
        before.filter((run) => !kept.has(run)),
        [],
        "everything that was answered before is in it",
      );
      const again = spawnService(t, { port, dataDir: restored, githubUrl: github.url });
      await listening(again, port);
      await eventually("all runs of the backup have ended", 30_000, () => unfinished(restored) === 0);
      assert.equal((await dispatchTo(port, { application: "pr-1" }))?.status, 200);
      again.stop();
      assert.equal(await again.ended, 0);
    });
  }
});
