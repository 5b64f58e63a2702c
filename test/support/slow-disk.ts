import { execFileSync } from "node:child_process";
import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";

/** Makes flushes of files in a folder slow, makes them fail, or records them. See slow-disk.c. */

/** False, or why tests that need a C compiler are skipped. With COMPILER_REQUIRED they fail instead. */
export const withoutCompiler: string | false =
  process.env.COMPILER_REQUIRED || isInstalled("cc") ? false : "there is no C compiler (cc)";

function isInstalled(tool: string): boolean {
  try {
    execFileSync(tool, ["--version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

let library: string | undefined;

function built(): string {
  if (library) return library;
  const folder = mkdtempSync(join(tmpdir(), "gh-runner-slow-disk-"));
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
  library = join(folder, "slow-disk.so");
  const source = fileURLToPath(new URL("slow-disk.c", import.meta.url));
  execFileSync("cc", ["-shared", "-fPIC", "-O1", "-o", library, source], { stdio: "pipe" });
  return library;
}

export type SlowDisk = {
  /** For the process. */
  readonly environment: Readonly<Record<string, string>>;
  /** How flushes behave from now on. */
  flushes(how: Flushes): void;
};

export type Flushes = {
  /** How much longer a flush takes; "held" until it changes. */
  readonly delayMs?: number | "held";
  /** The error of flushes that fail: those of files whose name ends with `ofFiles`. Without `ofFiles`, of all files. */
  readonly fail?: "EIO" | "ENOSPC";
  readonly ofFiles?: string;
  /** How many fail, and how many pass before them. By default all fail. */
  readonly count?: number;
  readonly after?: number;
};

const ERRNO = { EIO: 5, ENOSPC: 28 };

/** @param trace a file that records what is written and flushed. Then nothing is really flushed. */
export function slowDisk(t: TestContext, folder: string, trace?: string): SlowDisk {
  const control = join(mkdtempSync(join(tmpdir(), "gh-runner-slow-disk-")), "control");
  t.after(() => rmSync(join(control, ".."), { recursive: true }));
  const flushes: SlowDisk["flushes"] = ({ delayMs = 0, fail, ofFiles = "", count = 1e9, after = 0 }) => {
    writeFileSync(
      `${control}.new`,
      `${delayMs === "held" ? -1 : delayMs} ${fail ? ERRNO[fail] : 0} ${after} ${count} ${ofFiles} `,
    );
    renameSync(`${control}.new`, control);
  };
  flushes({});
  return {
    environment: {
      LD_PRELOAD: built(),
      SLOW_DISK_FOLDER: folder,
      SLOW_DISK_CONTROL: control,
      ...(trace && { SLOW_DISK_TRACE: trace }),
    },
    flushes,
  };
}
