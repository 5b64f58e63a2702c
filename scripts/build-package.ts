import { execFileSync } from "node:child_process";
import {
  copyFileSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import manifest from "../package.json" with { type: "json" };
import { billOfMaterials } from "./bill-of-materials.ts";
import { bundledPackages } from "./bundled.ts";
import { licenceTexts } from "./licences.ts";
import { pageAssetsAsTexts } from "./page-assets.ts";
import { undiciParts } from "./undici-parts.ts";

/**
 * Builds the folder of the npm package, `dist/package`. Node does not remove types below node_modules, so the package
 * contains JavaScript and declarations, and its package.json names them. It contains everything that the service needs
 * except zod. Workflows import zod too, and both then use the same copy.
 */
const ROOT = fileURLToPath(new URL("..", import.meta.url));
const ENTRIES = { ".": "src/index.ts", "./workflows": "src/workflows/index.ts", "./testing": "sandbox/testing.ts" };
const BIN = "gh-runner.js";
const DOCUMENTS = ["*.md", "LICENSE", "docs/**/*.{md,svg,png}"];

/** What npm installs beside it: zod, and the packages that the declarations name. */
const DEPENDENCIES = ["zod", "@octokit/types", "@octokit/openapi-webhooks-types"] as const;

/** With these the test kit checks GraphQL by GitHub's schema. They have 11 MB, so they are optional. */
const CHECKS_GRAPHQL = ["graphql", "@octokit/graphql-schema"] as const;

/** A relative link of Markdown to a file, with its anchor. */
const LINK = /(\]\()(?!https?:|mailto:|#)([^)#\s]+)((?:#[^)\s]+)?\))/g;

const { GITHUB_SERVER_URL = "https://github.com", GITHUB_REPOSITORY } = process.env;

mkdirSync(join(ROOT, "dist"), { recursive: true });
const unfinished = mkdtempSync(join(ROOT, "dist/package-"));
try {
  await writeModules();
  writeDeclarations();
  writeManifest();
  writeDocuments();
  rmSync(join(ROOT, "dist/package"), { recursive: true, force: true });
  renameSync(unfinished, join(ROOT, "dist/package"));
} finally {
  rmSync(unfinished, { recursive: true, force: true });
}

/** With shared chunks, so that a failure thrown by a workflow has the class that the service knows. */
async function writeModules(): Promise<void> {
  const entries = Object.entries(ENTRIES).map(([name, file]) => [moduleOf(name), file]);
  const { metafile } = await build({
    absWorkingDir: ROOT,
    outdir: unfinished,
    entryPoints: { "gh-runner": "src/main.ts", ...Object.fromEntries(entries) },
    entryNames: "[name]",
    chunkNames: "chunks/[name]-[hash]",
    bundle: true,
    splitting: true,
    external: ["zod"],
    plugins: [pageAssetsAsTexts, undiciParts],
    minify: true,
    keepNames: true,
    legalComments: "eof",
    metafile: true,
    platform: "node",
    target: "node24",
    format: "esm",
    // Bundled CommonJS libraries load Node's modules with `require`.
    banner: { js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);' },
  });
  const packages = bundledPackages([metafile]);
  writeFileSync(join(unfinished, "sbom.cdx.json"), billOfMaterials(packages));
  writeFileSync(join(unfinished, "LICENSES.txt"), licenceTexts(packages));
}

/** The compiler leaves `.ts` at the end of imports. Only the files that the entries import are included. */
function writeDeclarations(): void {
  const written = join(unfinished, "all-types");
  execFileSync(
    process.execPath,
    [join(ROOT, "node_modules/typescript/bin/tsc"), "-p", "tsconfig.package.json", "--outDir", written],
    {
      cwd: ROOT,
      stdio: "inherit",
    },
  );
  const seen = new Set<string>();
  const waiting = Object.values(ENTRIES).map(declarationOf);
  for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
    if (seen.has(file)) continue;
    seen.add(file);
    const from = dirname(file);
    const text = readFileSync(join(written, file), "utf8").replace(/(["'])(\.[^"']*)\.ts\1/g, (_, quote, path) => {
      waiting.push(`${join(from, path)}.d.ts`);
      return `${quote}${path}.js${quote}`;
    });
    mkdirSync(join(unfinished, "types", from), { recursive: true });
    writeFileSync(join(unfinished, "types", file), text);
  }
  rmSync(written, { recursive: true });
}

/** A link to a file that the package does not have leads to the repository, to the same version. */
function writeDocuments(): void {
  const files = globSync(DOCUMENTS, { cwd: ROOT });
  const kept = new Set([...files, "docs", "docs/decisions"]);
  const repository = `${GITHUB_SERVER_URL}/${GITHUB_REPOSITORY ?? "OWNER/gh-runner"}/blob/v${manifest.version}`;
  for (const file of files) {
    mkdirSync(join(unfinished, dirname(file)), { recursive: true });
    if (!file.endsWith(".md")) copyFileSync(join(ROOT, file), join(unfinished, file));
    else {
      const text = readFileSync(join(ROOT, file), "utf8").replace(LINK, (link, before, path, after) => {
        const target = normalize(join(dirname(file), path)).replace(/\/$/, "");
        return kept.has(target) ? link : `${before}${repository}/${target}${after}`;
      });
      writeFileSync(join(unfinished, file), text);
    }
  }
}

function writeManifest(): void {
  const { name, version, description, license, type, engines, dependencies, devDependencies } = manifest;
  const exported = Object.entries(ENTRIES).map(([entry, file]) => [
    entry,
    { types: `./types/${declarationOf(file)}`, default: `./${moduleOf(entry)}.js` },
  ]);
  const written = {
    name,
    version,
    description,
    license,
    type,
    engines,
    ...repository(),
    bin: { [name]: BIN },
    exports: Object.fromEntries(exported),
    dependencies: Object.fromEntries(DEPENDENCIES.map((each) => [each, dependencies[each]])),
    peerDependencies: Object.fromEntries(CHECKS_GRAPHQL.map((each) => [each, devDependencies[each]])),
    peerDependenciesMeta: Object.fromEntries(CHECKS_GRAPHQL.map((each) => [each, { optional: true }])),
  };
  writeFileSync(join(unfinished, "package.json"), `${JSON.stringify(written, null, 2)}\n`);
}

/**
 * The repository, if GitHub Actions builds the package: npm accepts provenance only for a package that names its
 * repository.
 * @see https://docs.npmjs.com/generating-provenance-statements
 */
function repository() {
  if (GITHUB_REPOSITORY === undefined) return {};
  return { repository: { type: "git", url: `git+${GITHUB_SERVER_URL}/${GITHUB_REPOSITORY}.git` } };
}

/** The file without its ending: `.` is `index`, `./testing` is `testing`. */
function moduleOf(entry: string): string {
  return entry.slice(2) || "index";
}

function declarationOf(file: string): string {
  return file.replace(/\.ts$/, ".d.ts");
}
