import { existsSync } from "node:fs";
import { registerHooks } from "node:module";
import { resolve as resolvePath, sep } from "node:path";
import { pathToFileURL } from "node:url";
import * as api from "../../index.ts";

/** The modules that a workflow may import from the service that runs it: their names, and how to load them. */
const OFFERED: Readonly<Record<string, { readonly names: readonly string[]; readonly load: () => unknown }>> = {
  "gh-runner": { names: Object.keys(api), load: () => api },
  // Loaded when a file imports it: most services use none of the ready-made workflows.
  "gh-runner/workflows": {
    names: Object.keys({
      autoMerge: true,
      environmentReady: true,
      labeler: true,
      previewTests: true,
      pullRequestTitle: true,
      scalarAt: true,
      lockThreads: true,
      stale: true,
    } satisfies Record<keyof typeof import("../index.ts"), true>),
    load: async () => ({ ...(await import("../built-in.ts")), ...(await import("../ready/index.ts")) }),
  },
};

/** The release has all of zod in a separate file. The service itself uses only a part of zod, which saves 7 MB. */
function zodUrl(): string {
  const beside = new URL("./zod.js", import.meta.url);
  return existsSync(beside) ? beside.href : import.meta.resolve("zod");
}

const SCHEME = "gh-runner-module:";

/** Where the generated modules below find what they export. */
const SHELF = Symbol.for("gh-runner.modules");

/**
 * Node keeps loaded files by their address. A file that is loaded again has this suffix in its address, and passes it
 * on to its imports.
 */
const VERSION = /\?gh-runner-version=\d+/;

/** @param version undefined: the file as it was loaded first. */
export function addressOf(path: string, version: number | undefined): string {
  const { href } = pathToFileURL(path);
  return version === undefined ? href : `${href}?gh-runner-version=${version}`;
}

/** A text about a file, without the version in addresses. */
export function withoutVersion(text: string): string {
  return text.replace(new RegExp(VERSION, "g"), "");
}

/**
 * Lets files below a folder import `gh-runner`, the very copy that runs them, and `zod`, unless the folder has a copy.
 * Also treats their TypeScript and JavaScript as modules, without a package.json.
 * @returns a function that undoes it.
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
        const isOurs = found.url.startsWith(below) && !found.url.includes("/node_modules/");
        return isOurs ? asModule(found, VERSION.exec(context.parentURL ?? "")?.[0] ?? "") : found;
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

function asModule<Found extends { url: string }>(found: Found, version: string): Found & { format?: string } {
  const path = withoutVersion(found.url);
  const same = { ...found, url: path === found.url && !path.includes("?") ? path + version : found.url };
  if (/\.m?ts$/.test(path)) return { ...same, format: "module-typescript" };
  if (/\.js$/.test(path)) return { ...same, format: "module" };
  return same;
}

function sourceOf(specifier: string): string {
  const { names = [] } = OFFERED[specifier] ?? {};
  const its = `globalThis[Symbol.for("gh-runner.modules")][${JSON.stringify(specifier)}].load()`;
  return [
    // CommonJS needs a required module immediately.
    `const offered = ${specifier === "gh-runner" ? "" : "await "}${its};`,
    ...names.map((name, at) => `const e${at} = offered[${JSON.stringify(name)}]; export { e${at} as ${name} };`),
  ].join("\n");
}
