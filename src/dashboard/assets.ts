import { createHash } from "node:crypto";
import type { Hono } from "hono";
import { script, style } from "./asset-texts.ts";
import type { Frame } from "./layout.ts";

const ICON =
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><rect width="16" height="16" rx="4" fill="#0969da"/>' +
  '<path d="m6 4.5 5 3.5-5 3.5z" fill="#fff"/></svg>';

const ASSETS = {
  "style.css": { type: "text/css; charset=utf-8", text: style },
  "script.js": { type: "text/javascript; charset=utf-8", text: script },
  "icon.svg": { type: "image/svg+xml", text: ICON },
} as const;

/** The hash of the content is part of the path, so that browsers may keep an asset for ever. */
const PATHS = Object.fromEntries(
  Object.entries(ASSETS).map(([name, { text }]) => {
    const hash = createHash("sha256").update(text).digest("hex").slice(0, 12);
    return [name, `/assets/${hash}/${name}`];
  }),
) as Record<keyof typeof ASSETS, string>;

export const assetPath: Frame["asset"] = (name) => PATHS[name];

/** Mounts what the pages load. It is the same for everybody, so it needs no token. */
export function mountAssets(app: Hono): void {
  for (const [name, { type, text }] of Object.entries(ASSETS)) {
    app.get(PATHS[name as keyof typeof ASSETS], (c) =>
      c.body(text, 200, {
        "content-type": type,
        "cache-control": "public, max-age=31536000, immutable",
        "x-content-type-options": "nosniff",
      }),
    );
  }
}
