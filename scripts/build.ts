import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

/** Makes the release: one file that needs nothing but Node. */
const ROOT = fileURLToPath(new URL("..", import.meta.url));

const { outputFiles } = await build({
  absWorkingDir: ROOT,
  entryPoints: ["src/main.ts"],
  bundle: true,
  minify: true,
  keepNames: true,
  legalComments: "eof",
  platform: "node",
  target: "node24",
  format: "esm",
  write: false,
  // Bundled CommonJS libraries ask for Node's own modules through `require`.
  banner: { js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);' },
});

// Renamed into place, so that a process that starts meanwhile finds the old file or the new one, and never half of it.
mkdirSync(`${ROOT}dist`, { recursive: true });
const unfinished = `${ROOT}dist/.gh-runner.${process.pid}.js`;
writeFileSync(unfinished, outputFiles[0]?.contents ?? "", { mode: 0o755 });
renameSync(unfinished, `${ROOT}dist/gh-runner.js`);
