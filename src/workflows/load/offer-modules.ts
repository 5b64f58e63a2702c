import { existsSync } from "node:fs";
import { registerHooks } from "node:module";
import { resolve as resolvePath, sep } from "node:path";
import { pathToFileURL } from "node:url";
import * as api from "../../index.ts";

/** What a workflow may import of the service that runs it: the names, and how to come by what they stand for. */
const OFFERED: Readonly<Record<string, { readonly names: readonly string[]; readonly load: () => unknown }>> = {
  "gh-runner": { names: Object.keys(api), load: () => api },
  // Loaded when a file imports it: most services need none of the ready-made workflows.
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

/** The release brings all of zod as a file beside it: what the service itself uses of zod is a part, and 7 MB less. */
function zodUrl(): string {
  const beside = new URL("./zod.js", import.meta.url);
  return existsSync(beside) ? beside.href : import.meta.resolve("zod");
}

const SCHEME = "gh-runner-module:";

/** Where the modules that are made below find what they export. */
const SHELF = Symbol.for("gh-runner.modules");

/** Loaded files are kept by their address, so one that is loaded again has this in it, and hands it to what it imports. */
const VERSION = /\?gh-runner-version=\d+/;

/** @param version undefined: as it was loaded first. */
export function addressOf(path: string, version: number | undefined): string {
  const { href } = pathToFileURL(path);
  return version === undefined ? href : `${href}?gh-runner-version=${version}`;
}

/** What is said of a file, as if it had been loaded but once. */
export function withoutVersion(text: string): string {
  return text.replace(new RegExp(VERSION, "g"), "");
}

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
    // What CommonJS requires must be there at once.
    `const offered = ${specifier === "gh-runner" ? "" : "await "}${its};`,
    ...names.map((name, at) => `const e${at} = offered[${JSON.stringify(name)}]; export { e${at} as ${name} };`),
  ].join("\n");
}
