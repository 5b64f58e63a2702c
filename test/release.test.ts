import assert from "node:assert/strict";
import { globSync, readFileSync, statSync } from "node:fs";
import { before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { Ajv } from "ajv";
import manifest from "../package.json" with { type: "json" };
import lock from "../package-lock.json" with { type: "json" };
import { buildBundle } from "./support/process.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const textOf = (file: string) => readFileSync(ROOT + file, "utf8");

/** Under which the bundled code may be handed on together with ours. */
const LICENCES = ["0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "BlueOak-1.0.0", "ISC", "MIT"];

type Component = {
  readonly group?: string;
  readonly name: string;
  readonly version: string;
  readonly purl: string;
  readonly licenses: readonly { readonly license?: { readonly id: string } }[];
  readonly hashes: readonly { readonly alg: string; readonly content: string }[];
};

/** CycloneDX's own schema, with those that it refers to. */
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
    await buildBundle();
    written = textOf("dist/sbom.cdx.json");
    components = JSON.parse(written).components;
  });
  const nameOf = ({ group, name }: Component) => (group === undefined ? name : `${group}/${name}`);

  it("brings a bill of materials that CycloneDX's schema takes, and would not take a wrong one", () => {
    const bill = JSON.parse(written);
    assert.equal(matchesSchema(bill), "No errors");
    assert.notEqual(matchesSchema({ ...bill, components: [{ ...components[0], type: "sort" }] }), "No errors");
    assert.equal(bill.metadata.component.version, manifest.version);
  });

  it("names in it what is bundled, and nothing that is there for development", () => {
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

  it("gives of each the version and the hash with which it was installed", () => {
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

  it("is as large as the README and docs/container.md say", () => {
    const bytes = globSync("dist/*.js", { cwd: ROOT }).reduce((sum, file) => sum + statSync(ROOT + file).size, 0);
    const said = [
      /Node, and (\d+) MB of JavaScript/.exec(textOf("README.md")),
      /the bundle +\| (\d+) MB/.exec(textOf("docs/container.md")),
    ];
    for (const each of said) assert.equal(Number(each?.[1]), Math.round(bytes / 1e6));
  });

  it("comes out the same when it is built again, byte for byte", async () => {
    const files = ["dist/gh-runner.js", "dist/zod.js", "dist/sbom.cdx.json", "dist/LICENSES.txt"];
    const first = files.map(textOf);
    await buildBundle();
    assert.deepEqual(files.map(textOf), first);
  });

  it("holds nothing whose licence is not permissive, and brings the text of every one", () => {
    const texts = textOf("dist/LICENSES.txt");
    for (const component of components) {
      const id = component.licenses[0]?.license?.id ?? "";
      assert.ok(LICENCES.includes(id), `${nameOf(component)}: ${id}`);
      assert.ok(texts.includes(`\n${nameOf(component)} ${component.version} (${id})\n`), nameOf(component));
    }
    assert.match(texts, /Permission is hereby granted, free of charge/);
  });
});
