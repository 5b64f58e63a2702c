import type { Plugin } from "esbuild";
import { script, style } from "../src/dashboard/asset-texts.ts";

/** Puts the assets of the pages into the bundle as texts: a release reads no files of src/. */
export const pageAssetsAsTexts: Plugin = {
  name: "page assets as texts",
  setup: ({ onLoad }) => {
    onLoad({ filter: /\/dashboard\/asset-texts\.ts$/ }, () => ({
      contents: `export const style = ${JSON.stringify(style)}; export const script = ${JSON.stringify(script)};`,
    }));
  },
};
