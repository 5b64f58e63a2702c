import { existsSync } from "node:fs";
import { registerHooks } from "node:module";
import { resolve as resolvePath, sep } from "node:path";
import { pathToFileURL } from "node:url";
import * as api from "../../index.ts";
import * as workflows from "../index.ts";

/** What a workflow may import that is in this process already. */
const OFFERED: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  "gh-runner": api,
  "gh-runner/workflows": workflows,
};

/** The release brings all of zod as a file beside it: what the service itself uses of zod is a part, and 7 MB less. */
function zodUrl(): string {
  const beside = new URL("./zod.js", import.meta.url);
  return existsSync(beside) ? beside.href : import.meta.resolve("zod");
}

const SCHEME = "gh-runner-module:";

/** Where the modules that are made below find what they export. */
const SHELF = Symbol.for("gh-runner.modules");

/**
 * Lets files below a folder import `gh-runner`, the very one that runs them, and `zod`, unless the folder has one of its
 * own; and takes their TypeScript and JavaScript for modules without a package.json that says so.
 * @returns how to undo it.
 */
export function offerModules(folder: string): () => void {
  const below = pathToFileURL(resolvePath(folder) + sep).href;
  (globalThis as Record<symbol, unknown>)[SHELF] = OFFERED;
  const hooks = registerHooks({
    resolve(specifier, context, next) {
      const asks = context.parentURL?.startsWith(below);
      if (asks && Object.hasOwn(OFFERED, specifier)) return ours(specifier);
      try {
        const found = next(specifier, context);
        return found.url.startsWith(below) && !found.url.includes("/node_modules/") ? asModule(found) : found;
      } catch (error) {
        if (!asks || specifier !== "zod" || (error as { code?: string }).code !== "ERR_MODULE_NOT_FOUND") throw error;
        return { url: zodUrl(), format: "module", shortCircuit: true };
      }
    },
    load(url, context, next) {
      if (!url.startsWith(SCHEME)) return next(url, context);
      return { format: "module", source: sourceOf(url.slice(SCHEME.length)), shortCircuit: true };
    },
  });
  return () => hooks.deregister();
}

const ours = (specifier: string) => ({ url: SCHEME + specifier, format: "module", shortCircuit: true });

function asModule<Found extends { url: string }>(found: Found): Found & { format?: string } {
  if (/\.m?ts$/.test(found.url)) return { ...found, format: "module-typescript" };
  if (/\.js$/.test(found.url)) return { ...found, format: "module" };
  return found;
}

function sourceOf(specifier: string): string {
  const names = Object.keys(OFFERED[specifier] ?? {});
  return [
    `const offered = globalThis[Symbol.for("gh-runner.modules")][${JSON.stringify(specifier)}];`,
    ...names.map((name, at) => `const e${at} = offered[${JSON.stringify(name)}]; export { e${at} as ${name} };`),
  ].join("\n");
}
