import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Loader, Plugin } from "esbuild";

/**
 * Makes Hono and its server use src/http/web-classes.ts and the light `Response` of Hono's server instead of Node's
 * fetch. The answers have the same bytes (test/release-answers.test.ts). The server would load Node's HTTP/2 to see
 * whether a request came over it. Nothing of that is used: the service speaks HTTP/1.1.
 */
export const lightWeb: Plugin = {
  name: "web classes without Node's fetch",
  setup: ({ onResolve, onLoad }) => {
    onLoad({ filter: SERVER }, ({ path }) => ({ contents: lightServer(readFileSync(path, "utf8")), loader: "js" }));
    onLoad({ filter: /\/node_modules\/hono\/dist\/.*\.js$|\/src\/(http|dashboard|service)\/.*\.ts$/ }, ({ path }) => {
      const text = readFileSync(path, "utf8");
      const names = ["Headers", "Response"].filter((name) => new RegExp(`(new|instanceof) ${name}\\b`).test(text));
      const imports = names.map((name) => `import { ${name} } from ${FROM[name as keyof typeof FROM]};\n`);
      return { contents: imports.join("") + text, loader: path.slice(-2) as Loader };
    });
    onResolve({ filter: /^node:http2$/ }, ({ path, importer }) =>
      SERVER.test(importer) ? { path, namespace: "no-http2" } : undefined,
    );
    onLoad({ filter: /./, namespace: "no-http2" }, () => ({
      contents: "export class Http2ServerRequest {} export const constants = {};",
    }));
  },
};

const SERVER = /\/@hono\/node-server\/dist\/index\.mjs$/;

const CLASSES = JSON.stringify(fileURLToPath(new URL("../src/http/web-classes.ts", import.meta.url)));

const FROM = { Headers: CLASSES, Response: '"@hono/node-server"' };

const BEFORE = `
import { Headers, NativeRequest, NativeResponse } from ${CLASSES};
const globalThis = { Headers }, global = { Request: NativeRequest, Response: NativeResponse };
`;

const AFTER = `
var Response = Response$1;
export { Response };
`;

/**
 * Header names in lower case and alphabetical order, as from Node's `Response`. Hono's `html` returns an object, which
 * the server would pass to Node's.
 */
const CHANGES = [
  ["this.#body = body;", "this.#body = body = body instanceof String ? String(body) : body;"],
  ["headers || init?.headers", "headers || (init?.headers && new Headers(init.headers))"],
  ['"Content-Length"', '"content-length"'],
  ['"Content-Type"', '"content-type"'],
] as const;

/** The code that must exist for these changes to work. */
const EXPECTED = [
  ...["const GlobalHeaders = globalThis.Headers;", "const GlobalRequest = global.Request;"],
  ...["const GlobalResponse = global.Response;", "var Response$1 = class", ...CHANGES.map(([from]) => from)],
];

function lightServer(text: string): string {
  for (const part of EXPECTED) if (!text.includes(part)) throw new Error(`@hono/node-server has no longer: ${part}`);
  return BEFORE + CHANGES.reduce((changed, [from, to]) => changed.replaceAll(from, to), text) + AFTER;
}
