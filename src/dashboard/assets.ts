import { createHash } from "node:crypto";
import type { Handler, Hono } from "hono";
import { type Color, textOn } from "../model/color.ts";
import { withAccess } from "../model/route-access.ts";
import * as texts from "./asset-texts.ts";

export type Assets = ReturnType<typeof assetsIn>;

/** GitHub's blue. */
const COLOR: Color = "#0969da";

/** All larger numbers share one icon. */
export const MAX_FAILURES_SHOWN = 9;

/**
 * The style, the script and the icons of the pages.
 * @param color of the installation, if it has one.
 */
export function assetsIn(color: Color | undefined) {
  const style = color === undefined ? "" : colored(color);
  const icons = Array.from({ length: MAX_FAILURES_SHOWN + 2 }, (_, failures) => drawn(color ?? COLOR, failures));
  return {
    style: asset("style.css", "text/css; charset=utf-8", texts.style + style),
    script: asset("script.js", "text/javascript; charset=utf-8", texts.script),
    /** The index is the number of failures that the icon shows. */
    icons: icons.map((text, failures) => asset(`icon-${failures}.svg`, "image/svg+xml", text)),
  };
}

/** The colour is in the stylesheet: an inline style would need another content security policy. */
function colored(color: Color): string {
  return `:root { --brand: ${color}; --brand-text: ${textOn(color)}; }\n.top { border-top: 4px solid var(--brand); }\n`;
}

/** The icon of a browser tab. Each number has a separate address, so it works without a script. */
function drawn(color: Color, failures: number): string {
  const square = `<rect width="16" height="16" rx="4" fill="${color}"/>`;
  const play = `<path d="m6 4.5 5 3.5-5 3.5z" fill="${textOn(color)}"/>`;
  const drawing = square + (failures === 0 ? play : dot(failures));
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16">${drawing}</svg>`;
}

/** As large as possible: tabs show 16 pixels. */
function dot(failures: number): string {
  const [count, size] = failures > MAX_FAILURES_SHOWN ? [`${MAX_FAILURES_SHOWN}+`, 7.5] : [String(failures), 10];
  return (
    '<circle cx="9.5" cy="9.5" r="6" fill="#cf222e" stroke="#fff"/>' +
    `<text x="9.5" y="${9.5 + size * 0.36}" font-family="sans-serif" font-size="${size}" font-weight="700" ` +
    `text-anchor="middle" fill="#fff">${count}</text>`
  );
}

/** The path contains a hash of the content, so that browsers may cache an asset forever. */
function asset(name: string, type: string, text: string) {
  const hash = createHash("sha256").update(text).digest("hex").slice(0, 12);
  return { path: `/assets/${hash}/${name}`, type, text };
}

/** Mounts the style, the script and the icons. They are the same for everyone, so they need no token. */
export function mountAssets(app: Hono, { style, script, icons }: Assets): void {
  for (const { path, type, text } of [style, script, ...icons]) {
    const headers = { "content-type": type, "cache-control": "public, max-age=31536000, immutable" };
    const handle: Handler = (c) => c.body(text, 200, { ...headers, "x-content-type-options": "nosniff" });
    app.get(path, withAccess({ open: "it is the same for everyone" }, handle));
  }
}
