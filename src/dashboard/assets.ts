import { createHash } from "node:crypto";
import type { Hono } from "hono";
import * as texts from "./asset-texts.ts";

const ICON =
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><rect width="16" height="16" rx="4" fill="#0969da"/>' +
  '<path d="m6 4.5 5 3.5-5 3.5z" fill="#fff"/></svg>';

export const ASSETS = {
  style: asset("style.css", "text/css; charset=utf-8", texts.style),
  script: asset("script.js", "text/javascript; charset=utf-8", texts.script),
  icon: asset("icon.svg", "image/svg+xml", ICON),
};

/** The hash of the content is part of the path, so that browsers may keep an asset for ever. */
function asset(name: string, type: string, text: string) {
  const hash = createHash("sha256").update(text).digest("hex").slice(0, 12);
  return { path: `/assets/${hash}/${name}`, type, text };
}

/** Mounts what the pages load. It is the same for everybody, so it needs no token. */
export function mountAssets(app: Hono): void {
  for (const { path, type, text } of Object.values(ASSETS)) {
    const headers = { "content-type": type, "cache-control": "public, max-age=31536000, immutable" };
    app.get(path, (c) => c.body(text, 200, { ...headers, "x-content-type-options": "nosniff" }));
  }
}
