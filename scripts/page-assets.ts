import { readFile } from "node:fs/promises";
import type { Plugin } from "esbuild";

/** Puts what the pages load into the bundle as texts: a release reads no file of src/. */
export const pageAssetsAsTexts: Plugin = {
  name: "page assets as texts",
  setup: ({ onLoad }) => {
    onLoad({ filter: /\/dashboard\/asset-texts\.ts$/ }, () => ({
      contents: 'export { default as style } from "./style.css"; export { default as script } from "./script.js";',
    }));
    onLoad({ filter: /\/dashboard\/(style\.css|script\.js)$/ }, async ({ path }) => ({
      contents: await readFile(path),
      loader: "text",
    }));
  },
};
