#!/usr/bin/env node
import "./cli/oldest-node.ts";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { compileScript } from "./compile-script.ts";

/**
 * The `main.ts` of the release, `dist/gh-runner.js`. Runs the command line in `dist/service.js` with its code cache.
 */
const file = fileURLToPath(new URL("./service.js", import.meta.url));
compileScript(file, { cached: true }).runInThisContext()(
  createRequire(import.meta.url),
  import.meta,
  (url: string) => import(url),
);
