import { execFileSync } from "node:child_process";
import { existsSync, renameSync, rmSync, symlinkSync } from "node:fs";
import { createServer } from "node:http";
import { basename, join } from "node:path";
import { it, type TestContext } from "node:test";
import { commitToRunning } from "./support/commit-to-running.ts";

/**
 * Does what git-sync does, which test/peers/git-sync.test.ts really starts: a worktree per commit, a relative link that a rename
 * replaces, and the previous worktree is deleted.
 */
function standIn(t: TestContext, variables: Readonly<Record<string, string>>): void {
  const { GITSYNC_ROOT = "", GITSYNC_LINK = "", GITSYNC_REPO = "", GITSYNC_HTTP_BIND = "", HOME = "" } = variables;
  const git = (...args: string[]) =>
    execFileSync("git", ["-C", GITSYNC_ROOT, ...args], {
      env: { PATH: process.env.PATH, HOME, GIT_CONFIG_NOSYSTEM: "1" },
      stdio: "pipe",
      encoding: "utf8",
    }).trim();
  git("init", "--quiet");
  let before: string | undefined;
  const sync = () => {
    git("fetch", "--quiet", "--depth=1", GITSYNC_REPO, "HEAD");
    const commit = git("rev-parse", "FETCH_HEAD");
    if (commit === before) return;
    const worktree = join(".worktrees", commit);
    git("worktree", "add", "--quiet", "--detach", worktree, commit);
    symlinkSync(worktree, join(GITSYNC_ROOT, "next"));
    renameSync(join(GITSYNC_ROOT, "next"), join(GITSYNC_ROOT, GITSYNC_LINK));
    if (before) rmSync(join(GITSYNC_ROOT, ".worktrees", before), { recursive: true });
    before = basename(worktree);
  };
  const [host, port] = GITSYNC_HTTP_BIND.split(":");
  const server = createServer((_, answer) => {
    answer.writeHead(existsSync(join(GITSYNC_ROOT, GITSYNC_LINK)) ? 200 : 503).end();
  }).listen(Number(port), host);
  const looking = setInterval(sync, 500);
  t.after(() => {
    clearInterval(looking);
    server.close();
  });
}

it("a workflow goes from a git commit to running by the documented steps, and a broken commit keeps the version before", async (t) => {
  await commitToRunning(t, standIn);
});
