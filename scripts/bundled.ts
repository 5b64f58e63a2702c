import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Metafile } from "esbuild";

/** A package with code in a bundle. */
export type BundledPackage = {
  readonly name: string;
  readonly version: string;
  /** In SPDX notation. */
  readonly licence: string;
  /** SHA-512 of the package in the registry, in hexadecimal. */
  readonly sha512: string;
  /** Its licence and its notices, unchanged. */
  readonly texts: readonly string[];
};

const ROOT = fileURLToPath(new URL("..", import.meta.url));

/** The packages in the bundles, by name and version, without those that the bundler has left out. */
export function bundledPackages(metafiles: readonly Metafile[]): readonly BundledPackage[] {
  const inputs = metafiles
    .flatMap(({ outputs }) => Object.values(outputs))
    .flatMap(({ inputs }) => Object.entries(inputs))
    .filter(([, { bytesInOutput }]) => bytesInOutput > 0);
  const folders = inputs.flatMap(([file]) => /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(file)?.[1] ?? []);
  const locked = (JSON.parse(readFileSync(join(ROOT, "package-lock.json"), "utf8")) as Lock).packages;
  const found = new Map<string, BundledPackage>();
  for (const folder of new Set(folders)) {
    const each = packageIn(folder, locked[folder]?.integrity ?? "");
    found.set(`${each.name}@${each.version}`, each);
  }
  return [...found].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, each]) => each);
}

type Lock = { readonly packages: Readonly<Record<string, { readonly integrity?: string }>> };

/** @throws Error if required information for the user is missing. */
function packageIn(folder: string, integrity: string): BundledPackage {
  const { name, version, license } = JSON.parse(readFileSync(join(ROOT, folder, "package.json"), "utf8"));
  const files = readdirSync(join(ROOT, folder)).filter((file) => /^(licen[cs]e|copying|notice)/i.test(file));
  const texts = files.sort().map((file) => readFileSync(join(ROOT, folder, file), "utf8").trim());
  if (texts.length === 0) texts.push(...licenceInReadme(folder));
  const sha512 = Buffer.from(/^sha512-(\S+)$/.exec(integrity)?.[1] ?? "", "base64").toString("hex");
  if (typeof license !== "string" || texts.length === 0 || sha512 === "") {
    throw new Error(`${folder}: its licence, the text of it, or its integrity in package-lock.json is missing.`);
  }
  return { name, version, licence: license, sha512, texts };
}

/** Some packages have no file for it, but a section of their README with such a heading. */
function licenceInReadme(folder: string): readonly string[] {
  const file = readdirSync(join(ROOT, folder)).find((name) => /^readme(\.md)?$/i.test(name));
  const readme = file ? readFileSync(join(ROOT, folder, file), "utf8") : "";
  const section = readme.split(/^#+ */m).find((part) => /^licen[cs]e *\n/i.test(part) && part.includes("Copyright"));
  return section ? [section.slice(section.indexOf("\n")).trim()] : [];
}
