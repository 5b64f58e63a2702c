import { readFileSync } from "node:fs";

const read = (name: string) => readFileSync(new URL(name, import.meta.url), "utf8");

/** The order matters: `narrow` overrides the parts before it. */
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
 * One file per task. Joined, they are one script with one scope: a page loads one file, and browsers do not need modules. Each
 * part may use the parts before it.
 */
const SCRIPT_PARTS = ["page", "times", "ticks", "copy", "keys", "watch", "live"];

/** The style and the script of the pages. Everything works without the script. In a release, scripts/page-assets.ts inlines them. */
export const style = STYLE_PARTS.map((part) => read(`style/${part}.css`)).join("");
export const script = `(() => {\n${SCRIPT_PARTS.map((part) => read(`script/${part}.js`)).join("")}})();\n`;
