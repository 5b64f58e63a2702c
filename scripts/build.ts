import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type BuildOptions, build, type Plugin } from "esbuild";
import { billOfMaterials } from "./bill-of-materials.ts";
import { bundledPackages } from "./bundled.ts";
import { licenceTexts } from "./licences.ts";
import { pageAssetsAsTexts } from "./page-assets.ts";

/**
 * Makes the release: files that need nothing but Node. zod has a file of its own, because workflows import it too, and
 * get the very one that the service uses; so have PostgreSQL and Octokit's names, which only those load who use
 * them, and the health check of the container, because it is small.
 */
const ROOT = fileURLToPath(new URL("..", import.meta.url));

const COMMON = {
  absWorkingDir: ROOT,
  outdir: "dist",
  bundle: true,
  // Names stay as they are, for stacks. esbuild's keepNames would set the name of each closure when it is made: that was a
  // tenth of the garbage of a burst, and 5 MiB of its peak.
  minifySyntax: true,
  minifyWhitespace: true,
  legalComments: "eof",
  platform: "node",
  target: "node24",
  format: "esm",
  write: false,
  metafile: true,
} satisfies BuildOptions;

const zodBeside: Plugin = {
  name: "zod beside",
  setup: ({ onResolve }) => onResolve({ filter: /^zod$/ }, () => ({ path: "./zod.js", external: true })),
};

const postgresBeside: Plugin = {
  name: "PostgreSQL beside",
  setup: ({ onResolve }) =>
    onResolve({ filter: /\/postgres\/store\.ts$/ }, ({ kind }) =>
      kind === "dynamic-import" ? { path: "./postgres.js", external: true } : undefined,
    ),
};

/** Octokit's names: 86 KB that only those load who use them. */
const octokitBeside: Plugin = {
  name: "Octokit's names beside",
  setup: ({ onResolve }) =>
    onResolve({ filter: /^@octokit\/plugin-rest-endpoint-methods$/ }, ({ kind }) =>
      kind === "dynamic-import" ? { path: "./octokit.js", external: true } : undefined,
    ),
};

/** The ready-made workflows: 150 KB with the libraries that only they use, for those who import `gh-runner/workflows`. */
const readyBeside: Plugin = {
  name: "ready-made workflows beside",
  setup: ({ onResolve }) =>
    onResolve({ filter: /\/ready\/index\.ts$/ }, ({ kind }) =>
      kind === "dynamic-import" ? { path: "./ready.js", external: true } : undefined,
    ),
};

/** They use the very API that the service offers to files of workflows. */
const offeredApi: Plugin = {
  name: "the public API of the service that runs it",
  setup: ({ onResolve, onLoad }) => {
    onResolve({ filter: /\/src\/index\.ts$|^\.\.\/\.\.\/index\.ts$/ }, ({ path }) => ({ path, namespace: "offered" }));
    onLoad({ filter: /./, namespace: "offered" }, () => ({
      contents: 'module.exports = globalThis[Symbol.for("gh-runner.modules")]["gh-runner"].load();',
    }));
  },
};

/** `gh-runner dev` says so where it is missing: the release is for servers. The npm package has it. */
const withoutStandIn: Plugin = {
  name: "without the stand-in GitHub",
  setup: ({ onResolve }) =>
    onResolve({ filter: /\/sandbox\/dev-github\.ts$/ }, () => ({ path: "./dev-github.js", external: true })),
};

/** What a file imports is looked up before its first line runs, and so before it could say that Node is too old. */
const nodeWhenItRuns: Plugin = {
  name: "Node's modules when it runs",
  setup: ({ onResolve, onLoad }) => {
    onResolve({ filter: /^node:/ }, ({ path, kind }) =>
      kind === "import-statement" ? { path, namespace: "required" } : undefined,
    );
    onLoad({ filter: /^node:/, namespace: "required" }, ({ path }) => ({
      contents: `module.exports = require(${JSON.stringify(path)});`,
    }));
  },
};

// Bundled CommonJS libraries ask for Node's own modules through `require`.
const BANNER = {
  js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);',
};

const service = await build({
  ...COMMON,
  entryPoints: { "gh-runner": "src/main.ts" },
  plugins: [zodBeside, postgresBeside, octokitBeside, readyBeside, withoutStandIn, nodeWhenItRuns, pageAssetsAsTexts],
  banner: BANNER,
});
const postgres = await build({
  ...COMMON,
  entryPoints: { postgres: "src/store/postgres/store.ts" },
  // Their native halves are optional, and not there.
  external: ["pg-native", "pg-cloudflare"],
  banner: BANNER,
});
const ready = await build({
  ...COMMON,
  entryPoints: { ready: "src/workflows/ready/index.ts" },
  plugins: [zodBeside, offeredApi],
});
const beside = await build({
  ...COMMON,
  entryPoints: { zod: "zod", health: "src/service/health.ts", octokit: "@octokit/plugin-rest-endpoint-methods" },
});

const builds = [beside, postgres, ready, service];
const packages = bundledPackages(builds.map(({ metafile }) => metafile));
const about = [
  { path: `${ROOT}dist/sbom.cdx.json`, contents: billOfMaterials(packages) },
  { path: `${ROOT}dist/LICENSES.txt`, contents: licenceTexts(packages) },
];

// Renamed into place, so that a process that starts meanwhile finds the old file or the new one, and never half of it.
mkdirSync(`${ROOT}dist`, { recursive: true });
for (const { path, contents } of [...builds.flatMap(({ outputFiles }) => outputFiles), ...about]) {
  const unfinished = `${path}.${process.pid}`;
  writeFileSync(unfinished, contents, { mode: path.endsWith("gh-runner.js") ? 0o755 : 0o644 });
  renameSync(unfinished, path);
}
