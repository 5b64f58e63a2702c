import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

/** What each room of src/ may import; its own files it always may. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  model: [],
  github: ["model"],
  worker: ["model"],
  store: ["model", "make-folder.ts"],
  inbound: ["model"],
  dashboard: ["model"],
  metrics: ["model"],
  tracing: ["model"],
  notices: ["model"],
  workflows: ["index.ts"],
  load: ["model", "index.ts", "workflows"],
  cli: [
    "app.ts",
    "doctor.ts",
    "dispatch-once.ts",
    "run-once.ts",
    "open-store.ts",
    "move-store.ts",
    "inbound",
    "model",
    "config.ts",
    "log.ts",
    "secrets.ts",
    "version.ts",
    "closing-stack.ts",
    "make-folder.ts",
  ],
  "doctor.ts": ["standalone.ts", "settings.ts", "open-store.ts", "github", "config.ts", "model"],
  "dispatch-once.ts": ["run-once.ts", "workflows", "config.ts", "model"],
  "run-once.ts": ["standalone.ts", "settings.ts", "github", "worker", "config.ts", "log.ts", "secrets.ts", "model"],
  "standalone.ts": ["settings.ts", "github", "config.ts", "secrets.ts", "model"],
  "observing.ts": [
    "metrics",
    "tracing",
    "notices",
    "config.ts",
    "log.ts",
    "secrets.ts",
    "closing-stack.ts",
    "version.ts",
    "model",
  ],
  "open-store.ts": ["store", "config.ts", "model"],
  "move-store.ts": ["open-store.ts", "store", "model"],
  "settings.ts": ["github", "config.ts", "version.ts"],
  "index.ts": ["model"],
  "http.ts": ["inbound", "dashboard", "model"],
  "server.ts": ["connections.ts", "inbound"],
  "log.ts": ["secrets.ts", "model"],
  "repeated-records.ts": ["log.ts", "model"],
  "secrets.ts": ["spellings.ts"],
  "spellings.ts": [],
  "config.ts": ["private-key.ts", "setting-values.ts", "secrets.ts", "model"],
  "setting-values.ts": ["model"],
  "private-key.ts": [],
  "closing-stack.ts": [],
  "make-folder.ts": [],
  "version.ts": [],
  "health.ts": ["config.ts"],
  "main.ts": ["cli", "model", "secrets.ts", "version.ts"],
};

/** Packages that only one room knows. */
const ONLY_IN: Readonly<Record<string, string | readonly string[]>> = {
  undici: "github",
  "@octokit/endpoint": "github",
  "universal-github-app-jwt": "github",
  "@octokit/types": "model",
  "@octokit/webhooks-types": "model",
  croner: "inbound",
  "js-yaml": ["workflows", "github"],
  commander: "main.ts",
  "node:sqlite": "store",
  pg: "store",
  "pg-boss": "store",
  pino: "log.ts",
  "pino-pretty": "log.ts",
  "prom-client": "metrics",
  "@opentelemetry/api": "tracing",
  "@opentelemetry/sdk-trace": "tracing",
  "@opentelemetry/resources": "tracing",
  "@opentelemetry/exporter-trace-otlp-http": "tracing",
};

/** Types may be borrowed from there: they leave nothing behind at run time. */
const TYPES_FROM = ["log.ts", "secrets.ts"];

const files = globSync("src/**/*.ts", { cwd: ROOT });

function importsOf(file: string): { from: string; isType: boolean }[] {
  const text = readFileSync(join(ROOT, file), "utf8");
  return [...text.matchAll(/^(?:import|export)( type)?\b[^;]*?\bfrom "([^"]+)"|\bimport\("([^"]+)"\)/gm)].map(
    (match) => ({
      from: match[2] ?? match[3] ?? "",
      isType: match[1] !== undefined,
    }),
  );
}

const roomOf = (file: string) => file.split("/")[1] ?? "";

describe("imports point one way", () => {
  it("reads the import lines at all", () => {
    assert.ok(files.length > 20);
    assert.ok(files.flatMap(importsOf).length > 40);
  });

  for (const file of files) {
    it(file, () => {
      const room = roomOf(file);
      for (const { from, isType } of importsOf(file)) {
        if (!from.startsWith(".")) {
          assert.ok(
            [ONLY_IN[from] ?? room].flat().includes(room) || (isType && from === "pino"),
            `${from} belongs to ${ONLY_IN[from]}`,
          );
          continue;
        }
        const target = roomOf(join(dirname(file), from));
        const allowed =
          room === "app.ts" ||
          target === room ||
          target === "package.json" ||
          from.endsWith("package.json") ||
          (isType && TYPES_FROM.includes(target)) ||
          MAY_IMPORT[room]?.includes(target);
        assert.ok(allowed, `${room} must not import ${target}`);
      }
    });
  }

  it("and never in a circle, types included", () => {
    const imported = new Map(
      files.map((file) => [
        file,
        importsOf(file).flatMap(({ from }) => (from.startsWith(".") ? [join(dirname(file), from)] : [])),
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

  it("and only config.ts reads the environment", () => {
    for (const file of files.filter((name) => name !== "src/config.ts")) {
      assert.ok(!/\bprocess\.env\b/.test(readFileSync(join(ROOT, file), "utf8")), file);
    }
  });
});
