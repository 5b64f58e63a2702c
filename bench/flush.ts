import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { quantile } from "./service.ts";

/**
 * How long `fdatasync` takes after 4 KiB were appended to a file, and after they were written over existing data. The
 * first is SQLite's log if it is emptied each time, the second if it starts again. `node bench/flush.ts [FOLDER]`, on
 * the disk of FOLDER.
 */
const FLUSHES = 1000;
const FRAME = Buffer.alloc(4096, 1);

const folder = mkdtempSync(join(process.argv[2] ?? ".", "gh-runner-flush-"));
const file = openSync(join(folder, "log"), "w");
const flush = (at: number): number => {
  writeSync(file, FRAME, 0, FRAME.length, at * FRAME.length);
  const began = performance.now();
  fdatasyncSync(file);
  return performance.now() - began;
};
const appended = Array.from({ length: FLUSHES }, (_, at) => flush(at));
const overwritten = Array.from({ length: FLUSHES }, (_, at) => flush(at));
closeSync(file);
rmSync(folder, { recursive: true });

const row = (name: string, times: readonly number[]) =>
  `| ${name} | ${quantile(times, 0.5).toFixed(3)} ms | ${quantile(times, 0.99).toFixed(3)} ms |\n`;
process.stdout.write("| `fdatasync` after 4 KiB | p50 | p99 |\n|---|---|---|\n");
process.stdout.write(row("appended", appended) + row("written over", overwritten));
