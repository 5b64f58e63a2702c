import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cpSync, globSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { before, describe, it, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { Ajv } from "ajv";
import manifest from "../package.json" with { type: "json" };
import lock from "../package-lock.json" with { type: "json" };
import { temporaryFolder } from "./support/folder.ts";
import { buildRelease, release } from "./support/release.ts";
import { httpWorkflow, workflowsFolder } from "./support/workflows.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const textOf = (file: string) => readFileSync(ROOT + file, "utf8");

/** Licences under which the bundled code may be distributed together with the project's. */
const LICENCES = ["0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "BlueOak-1.0.0", "ISC", "MIT"];

type Component = {
  readonly group?: string;
  readonly name: string;
  readonly version: string;
  readonly purl: string;
  readonly licenses: readonly { readonly license?: { readonly id: string } }[];
  readonly hashes: readonly { readonly alg: string; readonly content: string }[];
};

/** The schema of CycloneDX, with the schemas that it refers to. */
function matchesSchema(document: unknown): string {
  const folder = "node_modules/@cyclonedx/cyclonedx-library/res/schema/";
  const schema = (name: string) => JSON.parse(textOf(`${folder}${name}.SNAPSHOT.schema.json`)) as object;
  const ajv = new Ajv({ strict: false, validateFormats: false });
  for (const name of ["spdx", "jsf-0.82", "cryptography-defs"]) {
    ajv.addSchema(schema(name), `http://cyclonedx.org/schema/${name}.SNAPSHOT.schema.json`);
  }
  ajv.validate(schema("bom-1.6"), document);
  return ajv.errorsText();
}

describe("the release", () => {
  let components: readonly Component[] = [];
  let written = "";
  before(async () => {
    release();
    written = textOf("dist/sbom.cdx.json");
    components = JSON.parse(written).components;
  });
  const nameOf = ({ group, name }: Component) => (group === undefined ? name : `${group}/${name}`);

  it("has a bill of materials that is valid in CycloneDX's schema, which rejects a wrong one", () => {
    const bill = JSON.parse(written);
    assert.equal(matchesSchema(bill), "No errors");
    assert.notEqual(matchesSchema({ ...bill, components: [{ ...components[0], type: "sort" }] }), "No errors");
    assert.equal(bill.metadata.component.version, manifest.version);
  });

  it("lists in it what is bundled, and nothing for development", () => {
    const names = components.map(nameOf);
    for (const name of ["@hono/node-server", "hono", "js-yaml", "once", "pino", "undici", "zod"]) {
      assert.ok(names.includes(name), name);
    }
    const development = Object.keys(manifest.devDependencies).filter((name) => name !== "pino-pretty");
    assert.deepEqual(
      names.filter((name) => development.includes(name) || name.startsWith("@types/")),
      [],
    );
  });

  it("gives for each the version and the hash of its installation", () => {
    const installed = Object.entries(lock.packages as Record<string, { version?: string; integrity?: string }>);
    for (const component of components) {
      const { version, purl, hashes } = component;
      const name = nameOf(component);
      const integrity = `sha512-${Buffer.from(hashes[0]?.content ?? "", "hex").toString("base64")}`;
      const found = installed.find(
        ([path, each]) => path.endsWith(`node_modules/${name}`) && each.version === version,
      )?.[1];
      assert.equal(found?.integrity, integrity, name);
      assert.equal(purl, `pkg:npm/${name.replace("@", "%40")}@${version}`);
    }
  });

  it("is as large as docs/alternatives.md and docs/container.md say", () => {
    const bytes = globSync("dist/*.js", { cwd: ROOT }).reduce((sum, file) => sum + statSync(ROOT + file).size, 0);
    const said = [
      /Node, and (\d+) MB of JavaScript/.exec(textOf("docs/alternatives.md")),
      /the bundle +\| (\d+) MB/.exec(textOf("docs/container.md")),
    ];
    for (const each of said) assert.equal(Number(each?.[1]), Math.round(bytes / 1e6));
  });

  it("is the same when it is built again, byte for byte", async () => {
    const files = ["gh-runner.js", "service.js", "service.cache", "zod.js", "sbom.cdx.json", "LICENSES.txt"];
    const textOf = (file: string) => readFileSync(`${ROOT}dist/${file}`, "latin1");
    const first = files.map(textOf);
    buildRelease();
    assert.deepEqual(files.map(textOf), first);
  });

  describe("its code cache", () => {
    function copyOfRelease(t: TestContext): string {
      const folder = temporaryFolder(t);
      for (const file of globSync("dist/*.{js,cache}", { cwd: ROOT }))
        cpSync(ROOT + file, join(folder, basename(file)));
      // As in the image: the files are modules.
      writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
      return folder;
    }

    /** V8's verdict about the cache in a copy of the release, and the version that the copy prints. */
    async function startCopy(t: TestContext, change: (folder: string) => void, nodeOptions = "") {
      const folder = copyOfRelease(t);
      change(folder);
      const rejections = `const { Script } = require("node:vm");
        require("node:vm").Script = class extends Script {
          constructor(source, options) { super(source, options); console.error(String(this.cachedDataRejected)); }
        };`;
      writeFileSync(join(folder, "rejections.cjs"), rejections);
      const args = ["--require", join(folder, "rejections.cjs"), join(folder, "gh-runner.js"), "--version"];
      const env = { PATH: process.env.PATH, NODE_OPTIONS: nodeOptions };
      const { stdout, stderr } = await promisify(execFile)(process.execPath, args, { env });
      return { version: stdout.trim(), isRejected: stderr.trim() };
    }
    const cacheIn = (folder: string) => join(folder, "service.cache");
    const started = (isRejected: string) => ({ version: manifest.version, isRejected });

    it("is accepted by V8, with the options of the image and with those of docs/security.md", async (t) => {
      assert.deepEqual(await startCopy(t, () => {}), started("false"));
      const [, image = ""] = /NODE_OPTIONS="([^"]*)"/.exec(textOf("Dockerfile")) ?? [];
      assert.match(image, /--max-old-space-size/);
      assert.deepEqual(await startCopy(t, () => {}, image), started("false"));
      assert.deepEqual(
        await startCopy(t, () => {}, "--max-old-space-size=176 --permission --allow-fs-read=*"),
        started("false"),
      );
    });

    it("of another V8 is rejected, and the release starts without", async (t) => {
      const ofOtherFlags = await startCopy(t, () => {}, "--jitless");
      assert.deepEqual(ofOtherFlags, started("true"));
    });

    it("is the same for a release in any folder, and finds the files beside it, which print nothing", async (t) => {
      const folder = copyOfRelease(t);
      const WORKFLOWS_DIR = workflowsFolder(t, {
        "counts.ts": `import "gh-runner/workflows";\n${httpWorkflow("counts", "return {};")}`,
      });
      const env = { PATH: process.env.PATH, WORKFLOWS_DIR, DATA_DIR: temporaryFolder(t) };
      const run = (...args: string[]) =>
        promisify(execFile)(process.execPath, [join(folder, "gh-runner.js"), ...args], { env });
      const { stdout, stderr } = await run("workflows");
      assert.match(stdout, /^counts /m);
      assert.equal(stderr, "");
      assert.ok(!readFileSync(cacheIn(folder), "latin1").includes(ROOT));
      assert.doesNotMatch(textOf("dist/service.js"), /[^\0-\x7f]/, "it is read with a byte per character");
    });

    it("may be missing, cut off, empty, or that of another release of the same length", async (t) => {
      assert.deepEqual(await startCopy(t, (folder) => rmSync(cacheIn(folder))), started("undefined"));
      for (const length of [0, 3, 1_000_000]) {
        const cut = (folder: string) => truncateSync(cacheIn(folder), length);
        assert.deepEqual(await startCopy(t, cut), started("undefined"));
      }
      const version = "9.9.9";
      const other = (folder: string) => {
        const script = readFileSync(join(folder, "service.js"), "latin1");
        writeFileSync(join(folder, "service.js"), script.replaceAll(`"${manifest.version}"`, `"${version}"`), "latin1");
      };
      assert.deepEqual(await startCopy(t, other), { version, isRejected: "undefined" });
    });

    it("may have a wrong byte anywhere, which V8 does not notice and would crash on", async (t) => {
      const { size } = statSync(`${ROOT}dist/service.cache`);
      for (let part = 0; part < 8; part++) {
        const spoil = (folder: string) => {
          const cache = readFileSync(cacheIn(folder));
          const at = Math.floor((size * part) / 8);
          cache.writeUInt8(cache.readUInt8(at) ^ 0x55, at);
          writeFileSync(cacheIn(folder), cache);
        };
        assert.deepEqual(await startCopy(t, spoil), started("undefined"), `at ${part} eighths`);
      }
    });
  });

  it("has only code with a permissive licence, and the text of every licence", () => {
    const texts = textOf("dist/LICENSES.txt");
    for (const component of components) {
      const id = component.licenses[0]?.license?.id ?? "";
      assert.ok(LICENCES.includes(id), `${nameOf(component)}: ${id}`);
      assert.ok(texts.includes(`\n${nameOf(component)} ${component.version} (${id})\n`), nameOf(component));
    }
    assert.match(texts, /Permission is hereby granted, free of charge/);
  });
});
