import { chmodSync } from "node:fs";
import { build } from "esbuild";

/** Makes the release: one file that needs nothing but Node. */
await build({
  entryPoints: ["src/main.ts"],
  outfile: "dist/gh-runner.js",
  bundle: true,
  minify: true,
  keepNames: true,
  legalComments: "linked",
  platform: "node",
  target: "node24",
  format: "esm",
  // Bundled CommonJS libraries ask for Node's own modules through `require`.
  banner: { js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);' },
});
chmodSync("dist/gh-runner.js", 0o755);
