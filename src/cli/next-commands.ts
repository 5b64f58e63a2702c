import { existsSync, readFileSync, realpathSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, relative, resolve } from "node:path";
import { VERSION } from "../service/version.ts";
import { CommandError } from "./command.ts";
import { shellWord } from "./terminal.ts";

/**
 * How to go on with a folder of workflows: true with and without a package.json, in a checkout and outside of one.
 * @param program the file that this process runs.
 * @returns what the folder lacks to import `gh-runner` outside of the service, how `gh-runner` is called where these
 *   commands have run, and the folder as it is named there.
 */
export function nextCommands(
  written: string,
  program: string,
): { readonly install: readonly string[]; readonly ghRunner: string; readonly folder: string } {
  const target = resolve(written);
  const isBelow = !relative(process.cwd(), target).startsWith("..");
  const base = isBelow ? process.cwd() : target;
  const go = isBelow ? [] : [`cd ${shellWord(base)}`];
  const folder = shellWord(relative(base, target) || ".");
  const found = testingOf(target);
  if (found === undefined) {
    // The package.json that npm then makes says nothing of modules, of which Node would warn with each file.
    const modules = nearestPackage(target) === undefined ? ["npm pkg set type=module"] : [];
    return { install: [...go, ...installOf(program), ...modules], ghRunner: "npx gh-runner", folder };
  }
  const isInstalled = found.includes("/node_modules/");
  const own = `node ${shellWord(relative(base, realpathSync(program)))}`;
  return { install: go, ghRunner: isInstalled ? "npx gh-runner" : own, folder };
}

/** Where the folder's tests find `gh-runner/testing`. */
function testingOf(folder: string): string | undefined {
  try {
    return createRequire(join(folder, "a.test.ts")).resolve("gh-runner/testing");
  } catch {
    return undefined;
  }
}

/** From a checkout the package is made, into the folder that depends on it; else it is where this one came from. */
function installOf(program: string): readonly string[] {
  const home = nearestPackage(dirname(realpathSync(program)));
  if (home?.manifest.name !== "gh-runner" || home.manifest.private !== true) {
    return [`npm install --save-dev gh-runner@${VERSION} @types/node`];
  }
  return [
    `npm --prefix ${shellWord(home.folder)} run package -- --pack-destination "$PWD"`,
    `npm install --save-dev ./gh-runner-${VERSION}.tgz @types/node`,
  ];
}

type Manifest = { readonly name?: unknown; readonly private?: unknown; readonly type?: unknown };

/** What Node takes a file in this folder to belong to. */
export function nearestPackage(folder: string): { folder: string; manifest: Manifest } | undefined {
  const file = join(folder, "package.json");
  if (existsSync(file)) return { folder, manifest: manifestIn(file) };
  const above = dirname(folder);
  return above === folder ? undefined : nearestPackage(above);
}

function manifestIn(file: string): Manifest {
  try {
    return JSON.parse(readFileSync(file, "utf8")) ?? {};
  } catch (cause) {
    throw new CommandError(`${file} cannot be read as JSON (${(cause as Error).message}): fix it.`, { cause });
  }
}
