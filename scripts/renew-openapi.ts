import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync } from "node:zlib";
import { EDITIONS } from "../sandbox/openapi.ts";
import { ROUTE_NAMES } from "../sandbox/routes/routes.ts";
import { WEBHOOKS_FILE } from "../sandbox/webhook-descriptions.ts";

/**
 * Extracts from GitHub's OpenAPI descriptions what this project reads. `sandbox/github-openapi/` gets the routes of the
 * stand-in, for each edition, and every path of all editions. The service gets the names of all webhooks, and the words
 * of all paths. The whole package has 385 MB. `npm run openapi -- VERSION` renews the files.
 */
const SOURCE = "@octokit/openapi";
const KEPT = fileURLToPath(new URL("../sandbox/github-openapi/", import.meta.url));
const ALL_EDITIONS = ["api.github.com", "ghec", "ghes-3.17", "ghes-3.18", "ghes-3.19"];

/** Prose and examples, which nothing here reads. A schema's property may have the same name: that is not prose. */
const PROSE = ["description", "summary", "example", "examples", "externalDocs", "operationId", "tags", "x-github"];

type Node = { [key: string]: unknown };
type Webhook = {
  post: { "x-github": { subcategory: string }; requestBody: { content: Record<string, { schema: Node }> } };
};
type Description = {
  openapi: string;
  info: Node;
  paths: Record<string, Node>;
  components: Record<string, Record<string, Node>>;
  "x-webhooks": Record<string, Webhook>;
};

const version = process.argv[2] ?? (JSON.parse(readFileSync(join(KEPT, "names.json"), "utf8")) as Node).version;
const folder = mkdtempSync(join(tmpdir(), "github-openapi-"));
const paths = new Set<string>();
const webhooks = new Map<string, Set<string>>();
try {
  execFileSync("npm", ["pack", "--silent", `${SOURCE}@${version}`, "--pack-destination", folder], { stdio: "inherit" });
  execFileSync("sh", ["-c", "tar -xzf *.tgz"], { cwd: folder });
  for (const edition of ALL_EDITIONS) {
    const file = join(folder, "package/generated", `${edition}.json`);
    const description = JSON.parse(readFileSync(file, "utf8")) as Description;
    for (const path of Object.keys(description.paths)) paths.add(path);
    noteWebhooks(description);
    if (!EDITIONS.some((each) => each === edition)) continue;
    keep(`${edition}.json`, excerpt(description));
    if (edition === EDITIONS[0]) keepWebhooks(description);
  }
} finally {
  rmSync(folder, { recursive: true });
}
noteTypedWebhooks();
keep("names.json", { paths: [...paths].sort() });
const names = [...webhooks].sort().map(([event, actions]) => [event, [...actions].sort().join(" ")]);
const words = new Set([...paths].flatMap((path) => path.match(/[^/{}]+/g) ?? []));
const byInitial = Map.groupBy([...words].sort(), (word) => word.charAt(0).toLowerCase());
const lines = [...byInitial].map(([initial, begin]) => [initial, begin.join(" ")]);
keep("../../src/github/route-words.json", { words: Object.fromEntries(lines) }, 2);
keep("../../src/workflows/load/webhooks.json", { webhooks: Object.fromEntries(names) }, 2);

function keep(name: string, contents: object, indent = 1): void {
  const about = { source: SOURCE, version, renew: "npm run openapi" };
  writeFileSync(join(KEPT, name), `${JSON.stringify({ ...about, ...contents }, null, indent)}\n`);
}

/** The payloads of all webhooks, compressed: 1.7 MB of JSON are 30 kB. */
function keepWebhooks({ "x-webhooks": described, components }: Description): void {
  const schemas: Record<string, unknown> = {};
  const adopt = (value: unknown): void => {
    if (typeof value !== "object" || value === null) return;
    const name = /^#\/components\/schemas\/(.+)$/.exec(String((value as Node).$ref))?.[1];
    if (name !== undefined && !(name in schemas)) {
      schemas[name] = bare(components.schemas?.[name]);
      adopt(schemas[name]);
    }
    Object.values(value).forEach(adopt);
  };
  const webhooks = Object.values(described).map(({ post }) => {
    const given = post.requestBody.content["application/json"]?.schema ?? {};
    const meant = (schema: Node): Node => components.schemas?.[String(schema.$ref).split("/").at(-1) ?? ""] ?? schema;
    // An action may have several payloads, such as a review requested of a user or of a team.
    const first = meant(((meant(given).oneOf ?? []) as Node[])[0] ?? given);
    const action = ((first.properties as Record<string, { enum?: string[] }>)?.action?.enum ?? [])[0];
    const event = post["x-github"].subcategory.replaceAll("-", "_");
    return { event, ...(action === undefined ? {} : { action }), schema: bare(given) };
  });
  adopt(webhooks);
  const text = JSON.stringify({ source: SOURCE, version, renew: "npm run openapi", webhooks, components: { schemas } });
  writeFileSync(WEBHOOKS_FILE, brotliCompressSync(text));
}

/** The routes that are read, with all referenced components, without prose. */
function excerpt(description: Description): object {
  const { openapi, info, paths: all, components } = description;
  const chosen: Record<string, Node> = {};
  for (const route of ROUTE_NAMES.toSorted()) {
    const [method = "", path = ""] = route.split(" ");
    const operation = all[path]?.[method.toLowerCase()];
    if (operation) chosen[path] = { ...chosen[path], [method.toLowerCase()]: bare(operation) };
  }
  const used: Record<string, Record<string, unknown>> = {};
  const adopt = (value: unknown): void => {
    if (typeof value !== "object" || value === null) return;
    const [, kind, name] = /^#\/components\/([^/]+)\/(.+)$/.exec(String((value as Node).$ref)) ?? [];
    if (kind && name && !used[kind]?.[name]) {
      const found = bare(components[kind]?.[name]);
      used[kind] = { ...used[kind], [name]: found };
      adopt(found);
    }
    Object.values(value).forEach(adopt);
  };
  adopt(chosen);
  return {
    openapi,
    info: { title: info.title, version: info.version, license: info.license },
    paths: chosen,
    components: used,
  };
}

/** @param isNamed its keys are names of properties, responses or headers. */
function bare(value: unknown, isNamed = false): unknown {
  if (Array.isArray(value)) return value.map((each) => bare(each));
  if (typeof value !== "object" || value === null) return value;
  // A response must have a description.
  const isResponse =
    "description" in value && ("content" in value || "headers" in value || Object.keys(value).length === 1);
  const kept = Object.entries(value)
    .filter(([key]) => isNamed || !PROSE.includes(key))
    .map(([key, each]) => [key, bare(each, !isNamed && ["properties", "responses", "headers"].includes(key))]);
  return { ...(isResponse && !isNamed ? { description: "" } : {}), ...Object.fromEntries(kept) };
}

/** Events with their actions. For some events the example of the event's header is wrong, such as "discussions". */
function noteWebhooks({ "x-webhooks": described, components }: Description): void {
  const meant = (schema: Node): Node => components.schemas?.[String(schema.$ref).split("/").at(-1) ?? ""] ?? schema;
  for (const { post } of Object.values(described)) {
    const event = post["x-github"].subcategory.replaceAll("-", "_");
    const actions = webhooks.get(event) ?? new Set();
    webhooks.set(event, actions);
    const schemas = Object.values(post.requestBody.content).map(({ schema }) => meant(schema));
    for (const { properties } of schemas.flatMap((schema) => [
      schema,
      ...((schema.oneOf ?? []) as Node[]).map(meant),
    ])) {
      for (const action of (meant((properties as Record<string, Node>)?.action ?? {}).enum ?? []) as string[])
        actions.add(action);
    }
  }
}

/** Workflows may name events that have types, which may be newer. */
function noteTypedWebhooks(): void {
  const types = readFileSync(fileURLToPath(import.meta.resolve("@octokit/openapi-webhooks-types/types.d.ts")), "utf8");
  const operations = types.slice(types.indexOf("export interface operations"));
  for (const [, name = "", action] of operations.matchAll(/^ {2}"?([a-z-]+)(?:\/([a-z.-]+))?"?: \{$/gm)) {
    const event = name.replaceAll("-", "_");
    const actions = webhooks.get(event) ?? new Set();
    if (action) actions.add(action.replaceAll("-", "_"));
    webhooks.set(event, actions);
  }
}
