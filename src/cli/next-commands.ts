import { existsSync, readFileSync, realpathSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, relative, resolve } from "node:path";
import { VERSION } from "../service/version.ts";
import { CommandError } from "./command.ts";
import { shellWord } from "./terminal.ts";

/**
 * The next commands for a folder of workflows, with or without a package.json, inside or outside of a checkout.
 * @param program the file that this process runs.
 * @returns the commands that make `gh-runner` importable in the folder, how to call `gh-runner` after them, and the
 *   folder's name at that point.
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
    // The package.json that npm creates does not set "type", so Node would warn about each file.
    const modules = nearestPackage(target) === undefined ? ["npm pkg set type=module"] : [];
    return { install: [...go, ...installOf(program), ...modules], ghRunner: "npx gh-runner", folder };
  }
  const isInstalled = found.includes("/node_modules/");
  const local = `node ${shellWord(relative(base, realpathSync(program)))}`;
  return { install: go, ghRunner: isInstalled ? "npx gh-runner" : local, folder };
}

/** Where the folder's tests find `gh-runner/testing`. */
function testingOf(folder: string): string | undefined {
  try {
    return createRequire(join(folder, "a.test.ts")).resolve("gh-runner/testing");
  } catch {
    return undefined;
  }
}

/** In a checkout, builds the package and installs it. Otherwise installs the published version. */
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

/** The nearest package.json, which decides how Node treats a file in this folder. */
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
