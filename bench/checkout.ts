import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

/** Another revision of git, built in a temporary worktree. Call `remove` afterwards. */
export function checkout(revision: string) {
  const run = (cwd: string, file: string, ...args: string[]) =>
    execFileSync(file, args, { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] }).trim();
  const git = (...args: string[]) => run(ROOT, "git", ...args);
  const sha = git("rev-parse", "--short=8", `${revision}^{commit}`);
  const root = join(mkdtempSync(join(tmpdir(), "gh-runner-bench-")), sha);
  git("worktree", "add", "--quiet", "--detach", root, sha);
  const remove = () => {
    git("worktree", "remove", "--force", root);
    rmSync(join(root, ".."), { recursive: true, force: true });
  };
  try {
    // The same packages need no new installation. Links are quick if both folders are on one file system.
    const isSame = git("diff", "--name-only", sha, "--", "package-lock.json") === "";
    if (!isSame || statSync(ROOT).dev !== statSync(root).dev) run(root, "npm", "ci", "--no-audit", "--no-fund");
    else run(ROOT, "cp", "-al", "node_modules", root);
    run(root, "npm", "run", "-s", "build");
  } catch (error) {
    remove();
    throw error;
  }
  return { name: `at ${sha}`, revision: sha, root, remove };
}
