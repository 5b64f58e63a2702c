import { execFileSync } from "node:child_process";
import { globSync, statSync } from "node:fs";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const INPUTS = ["src/**", "scripts/**", "package-lock.json"];

let checked = false;

/**
 * `dist/gh-runner.js`, built by `npm run build` when its sources are newer. Tests start processes from it where possible:
 * the service accepts connections after 0.15 s of a core, from the sources after 0.65 s.
 */
export function release(): string {
  if (!checked && !isFresh()) buildRelease();
  checked = true;
  return "dist/gh-runner.js";
}

export function buildRelease(): void {
  execFileSync(process.execPath, ["scripts/build.ts"], { cwd: ROOT, stdio: "inherit" });
}

/** A folder's time changes with the names in it. The code cache is written last. */
function isFresh(): boolean {
  const made = statSync(`${ROOT}dist/service.cache`, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  return INPUTS.flatMap((each) => globSync(each, { cwd: ROOT })).every((each) => statSync(ROOT + each).mtimeMs < made);
}
