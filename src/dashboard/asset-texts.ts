import { readFileSync } from "node:fs";

const read = (name: string) => readFileSync(new URL(name, import.meta.url), "utf8");

/** In this order: what is narrow overrides what stands before it. */
const STYLE_PARTS = ["frame", "forms", "overview", "list", "icons", "run", "narrow", "previews"];

/** What the pages load. In a release, scripts/page-assets.ts puts the texts here instead. */
export const style = STYLE_PARTS.map((part) => read(`style/${part}.css`)).join("");
export const script = read("script.js");
