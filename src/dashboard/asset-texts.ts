import { readFileSync } from "node:fs";

const read = (name: string) => readFileSync(new URL(name, import.meta.url), "utf8");

/** In this order: what is narrow overrides what stands before it. */
const STYLE_PARTS = [
  "frame",
  "forms",
  "keys",
  "overview",
  "search",
  "list",
  "icons",
  "run",
  "log",
  "narrow",
  "previews",
  "workflows",
];

/**
 * A file per task. They are one script with one scope, so that a page asks for one file and no browser has to know
 * modules; each may use what stands before it.
 */
const SCRIPT_PARTS = ["page", "times", "ticks", "copy", "keys", "watch", "live"];

/** What the pages load. Everything works without the script. In a release, scripts/page-assets.ts puts the texts here instead. */
export const style = STYLE_PARTS.map((part) => read(`style/${part}.css`)).join("");
export const script = `(() => {\n${SCRIPT_PARTS.map((part) => read(`script/${part}.js`)).join("")}})();\n`;
