import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

/** What each folder of src/ may import: folders or single files. It may always import its files. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  model: [],
  access: ["model"],
  github: ["model"],
  worker: ["model"],
  store: ["model"],
  http: ["model"],
  dashboard: ["model"],
  observe: ["model"],
  workflows: [
    ...["index.ts", "src/model/visible.ts", "src/model/nearest-name.ts"],
    ...["src/model/github-names.ts", "src/model/next-link.ts", "src/model/comment-key.ts"],
  ],
  "workflows/load": ["model", "index.ts", "workflows"],
  service: [
    "access",
    "http",
    "dashboard",
    "store",
    "worker",
    "github",
    "workflows",
    "workflows/load",
    "observe",
    "model",
  ],
  cli: ["service", "http", "store", "observe", "model", "sandbox/dev-github.ts"],
  "index.ts": ["model"],
  "main.ts": ["cli"],
  "release.ts": ["cli", "compile-script.ts"],
};

/** Packages that only one folder may import. */
const ONLY_IN: Readonly<Record<string, string | readonly string[]>> = {
  undici: "github",
  jose: "access",
  "openid-client": "access",
  "@octokit/endpoint": "github",
  "@octokit/plugin-rest-endpoint-methods": "github",
  "@octokit/types": "model",
  "@octokit/openapi-webhooks-types": "model",
  hono: ["http", "dashboard", "observe"],
  croner: "http",
  "js-yaml": ["github", "workflows"],
  minimatch: "workflows",
  commander: "cli",
  "node:sqlite": "store",
  pg: "store",
  pino: "observe",
  "pino-pretty": "observe",
  "@prometheus-io/client": "observe",
  "@opentelemetry/api": "observe",
  "@opentelemetry/sdk-trace": "observe",
  "@opentelemetry/resources": "observe",
  "@opentelemetry/exporter-trace-otlp-http": "observe",
};

const files = globSync("src/**/*.ts", { cwd: ROOT });

/** Imports of types count, too. */
function importsOf(file: string): string[] {
  const text = readFileSync(join(ROOT, file), "utf8");
  return [...text.matchAll(/^(?:import|export)\b[^;]*?\bfrom "([^"]+)"|\bimport\("([^"]+)"\)/gm)].map(
    ([, from, imported]) => from ?? imported ?? "",
  );
}

const roomOf = (file: string) =>
  file.startsWith("src/workflows/load/") ? "workflows/load" : (file.split("/")[1] ?? "");

describe("imports point one way", () => {
  it("reads the import lines", () => {
    assert.ok(files.length > 20);
    assert.ok(files.flatMap(importsOf).length > 40);
  });

  for (const file of files) {
    it(file, () => {
      const room = roomOf(file);
      for (const from of importsOf(file)) {
        if (!from.startsWith(".")) {
          assert.ok([ONLY_IN[from] ?? room].flat().includes(room), `${from} belongs to ${ONLY_IN[from]}`);
          continue;
        }
        const path = join(dirname(file), from);
        const target = roomOf(path);
        const allowed =
          target === room ||
          from.endsWith("package.json") ||
          MAY_IMPORT[room]?.includes(target) ||
          MAY_IMPORT[room]?.includes(path);
        assert.ok(allowed, `${room} must not import ${target}`);
      }
    });
  }

  it("and never in a circle, types included", () => {
    const imported = new Map(
      files.map((file) => [
        file,
        importsOf(file).flatMap((from) => (from.startsWith(".") ? [join(dirname(file), from)] : [])),
      ]),
    );
    const done = new Set<string>();
    const follow = (file: string, path: readonly string[]): void => {
      assert.ok(!path.includes(file), [...path.slice(path.indexOf(file)), file].join(" → "));
      if (done.has(file)) return;
      for (const next of imported.get(file) ?? []) follow(next, [...path, file]);
      done.add(file);
    };
    for (const file of files) follow(file, []);
  });

  it("and only service/config reads the environment", () => {
    for (const file of files.filter((name) => !name.startsWith("src/service/config/"))) {
      assert.ok(!/\bprocess\.env\b/.test(readFileSync(join(ROOT, file), "utf8")), file);
    }
  });
});
