import { createHash } from "node:crypto";
import manifest from "../package.json" with { type: "json" };
import type { BundledPackage } from "./bundled.ts";

/**
 * The packages in the release, as CycloneDX. The same packages give the same bytes: it has no time, and its serial
 * number is computed from the content.
 * @see https://cyclonedx.org/docs/1.6/json/
 */
export function billOfMaterials(packages: readonly BundledPackage[]): string {
  const { name, version, description, license } = manifest;
  const content = {
    version: 1,
    metadata: {
      component: {
        type: "application",
        "bom-ref": purl(name, version),
        name,
        version,
        description,
        licenses: [{ license: { id: license } }],
        purl: purl(name, version),
      },
    },
    components: packages.map(component),
    compositions: [{ aggregate: "complete", assemblies: [purl(name, version)] }],
  };
  const serialNumber = `urn:uuid:${uuidOf(JSON.stringify(content))}`;
  return `${JSON.stringify({ bomFormat: "CycloneDX", specVersion: "1.6", serialNumber, ...content }, null, 2)}\n`;
}

function component({ name, version, licence, sha512 }: BundledPackage) {
  const [group, short] = name.startsWith("@") ? name.split("/") : [undefined, name];
  return {
    type: "library",
    "bom-ref": purl(name, version),
    ...(group === undefined ? {} : { group }),
    name: short,
    version,
    hashes: [{ alg: "SHA-512", content: sha512 }],
    licenses: [/\s/.test(licence) ? { expression: licence } : { license: { id: licence } }],
    purl: purl(name, version),
  };
}

/** https://github.com/package-url/purl-spec/blob/main/types-doc/npm-definition.md */
function purl(name: string, version: string): string {
  return `pkg:npm/${name.replace("@", "%40")}@${version}`;
}

/** Version 8 is for custom values: https://www.rfc-editor.org/rfc/rfc9562#name-uuid-version-8 */
function uuidOf(text: string): string {
  const hex = createHash("sha256").update(text).digest("hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
