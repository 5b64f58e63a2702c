import { readFileSync } from "node:fs";

const read = (name: string) => readFileSync(new URL(name, import.meta.url), "utf8");

/** What the pages load. In a release, scripts/page-assets.ts puts the texts here instead. */
export const style = read("style.css");
export const script = read("script.js");
