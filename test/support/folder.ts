import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";

const folders: string[] = [];

process.once("exit", () => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/**
 * A folder for a test. It exists until all tests of the file have ended, because clean-ups may still write to it, and the
 * service would notice its absence.
 */
export function temporaryFolder(_: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "gh-runner-"));
  folders.push(folder);
  return folder;
}
