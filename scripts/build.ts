import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type BuildOptions, build, type Plugin } from "esbuild";
import { billOfMaterials } from "./bill-of-materials.ts";
import { bundledPackages } from "./bundled.ts";
import { licenceTexts } from "./licences.ts";
import { lightWeb } from "./light-web.ts";
import { oneByteText } from "./one-byte-text.ts";
import { pageAssetsAsTexts } from "./page-assets.ts";
import { undiciParts } from "./undici-parts.ts";
import { withoutUnusedParts } from "./unused-parts.ts";

/**
 * Builds the release: files that need only Node. `gh-runner.js` runs `service.js`, which is a script instead of a
 * module, so that V8's code cache can be beside it. Code that not every service uses is in files that are loaded at
 * first use.
 */
const ROOT = fileURLToPath(new URL("..", import.meta.url));

const COMMON = {
  absWorkingDir: ROOT,
  outdir: "dist",
  bundle: true,
  // Names stay unchanged, for stacks. esbuild's keepNames would set the name of each closure when it is created. That
  // was a tenth of the garbage of a burst, and 5 MiB of its peak.
  minifySyntax: true,
  minifyWhitespace: true,
  legalComments: "eof",
  platform: "node",
  target: "node24",
  format: "esm",
  write: false,
  metafile: true,
} satisfies BuildOptions;

const postgresBeside: Plugin = {
  name: "PostgreSQL beside",
  setup: ({ onResolve }) =>
    onResolve({ filter: /\/postgres\/store\.ts$/ }, ({ kind }) =>
      kind === "dynamic-import" ? { path: "./postgres.js", external: true } : undefined,
    ),
};

/**
 * Packages that only some services load, each in a file: Octokit's names have 86 KB, the checks of OIDC tokens 100 KB,
 * sign-in with other providers 130 KB, the YAML of workflow files in the target repository 97 KB.
 */
const AT_FIRST_USE: Readonly<Record<string, string>> = {
  "@octokit/plugin-rest-endpoint-methods": "octokit",
  jose: "jose",
  "js-yaml": "js-yaml",
  "openid-client": "openid-client",
};

const packagesBeside: Plugin = {
  name: "packages beside",
  setup: ({ onResolve }) =>
    onResolve({ filter: /^(@octokit\/|\w)/ }, ({ path, kind }) =>
      kind === "dynamic-import" && path in AT_FIRST_USE
        ? { path: `./${AT_FIRST_USE[path]}.js`, external: true }
        : undefined,
    ),
};

/**
 * The ready-made workflows: 150 KB with the libraries that only they use, for files that import `gh-runner/workflows`.
 */
const readyBeside: Plugin = {
  name: "ready-made workflows beside",
  setup: ({ onResolve }) =>
    onResolve({ filter: /\/ready\/index\.ts$/ }, ({ kind }) =>
      kind === "dynamic-import" ? { path: "./ready.js", external: true } : undefined,
    ),
};

const zodBeside: Plugin = {
  name: "zod beside",
  setup: ({ onResolve }) => onResolve({ filter: /^zod$/ }, () => ({ path: "./zod.js", external: true })),
};

/** They use the same copy of the API that the service offers to workflow files. */
const offeredApi: Plugin = {
  name: "the public API of the service that runs it",
  setup: ({ onResolve, onLoad }) => {
    onResolve({ filter: /\/src\/index\.ts$|^\.\.\/\.\.\/index\.ts$/ }, ({ path }) => ({ path, namespace: "offered" }));
    onLoad({ filter: /./, namespace: "offered" }, () => ({
      contents: 'module.exports = globalThis[Symbol.for("gh-runner.modules")]["gh-runner"].load();',
    }));
  },
};

/** `gh-runner dev` reports that it is missing: the release is for servers. The npm package has it. */
const withoutStandIn: Plugin = {
  name: "without the stand-in GitHub",
  setup: ({ onResolve }) =>
    onResolve({ filter: /\/sandbox\/dev-github\.ts$/ }, () => ({ path: "./dev-github.js", external: true })),
};

/** Imports are resolved before the first line runs, so before the file could report that Node is too old. */
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

// Bundled CommonJS libraries load Node's modules with `require`.
const BANNER = {
  js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);',
};

/** A script has no `import()` and no `import.meta`. `src/release.ts` passes them to it. */
const SCRIPT = {
  format: "cjs",
  define: { "import.meta": "importMeta" },
  supported: { "dynamic-import": false },
  banner: { js: "(function (require, importMeta, importModule) {" },
  footer: { js: "})" },
} satisfies BuildOptions;

const importedByRelease: Plugin = {
  name: "files that the release imports",
  setup: ({ onLoad }) => {
    onLoad({ filter: /\/load\/import-file\.ts$/ }, () => ({ contents: "export const importFile = importModule;" }));
  },
};

const launcher = await build({
  ...COMMON,
  entryPoints: { "gh-runner": "src/release.ts" },
  plugins: [nodeWhenItRuns],
  banner: BANNER,
});
const service = await build({
  ...COMMON,
  ...SCRIPT,
  entryPoints: { service: "src/cli/program.ts" },
  plugins: [
    ...[postgresBeside, packagesBeside, readyBeside, withoutStandIn],
    ...[importedByRelease, pageAssetsAsTexts, undiciParts, lightWeb, withoutUnusedParts, oneByteText],
  ],
});
const postgres = await build({
  ...COMMON,
  entryPoints: { postgres: "src/store/postgres/store.ts" },
  // Their native parts are optional and not installed.
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
  entryPoints: {
    zod: "zod",
    health: "src/service/health.ts",
    ...Object.fromEntries(Object.entries(AT_FIRST_USE).map(([name, file]) => [file, name])),
  },
});

const builds = [beside, postgres, ready, service, launcher];
const packages = bundledPackages(builds.map(({ metafile }) => metafile));
const about = [
  { path: `${ROOT}dist/sbom.cdx.json`, contents: billOfMaterials(packages) },
  { path: `${ROOT}dist/LICENSES.txt`, contents: licenceTexts(packages) },
];

// Renamed into place, so that a process that starts at the same time finds a complete file, old or new.
mkdirSync(`${ROOT}dist`, { recursive: true });
for (const { path, contents } of [...builds.flatMap(({ outputFiles }) => outputFiles), ...about]) {
  const unfinished = `${path}.${process.pid}`;
  writeFileSync(unfinished, contents, { mode: path.endsWith("gh-runner.js") ? 0o755 : 0o644 });
  renameSync(unfinished, path);
}
await import("./code-cache.ts");
