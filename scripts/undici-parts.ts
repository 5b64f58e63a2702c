import { readFileSync } from "node:fs";
import type { Plugin } from "esbuild";

/**
 * Includes only the parts of undici that src/github/ uses. The whole package is a third of the release: mocks, caches,
 * WebSockets, a second parser of HTTP/1.1. All of its text stays in memory, and half of it runs at the start. Code that
 * fetch needs runs at its first use.
 */
export const undiciParts: Plugin = {
  name: "parts of undici",
  setup: ({ onResolve, onLoad }) => {
    onResolve({ filter: /^undici$/ }, ({ path, resolveDir }) => ({
      path,
      namespace: "undici-parts",
      pluginData: resolveDir,
    }));
    onLoad({ filter: /./, namespace: "undici-parts" }, ({ pluginData }) => ({
      contents: PARTS,
      resolveDir: pluginData,
    }));
    // A client loads HTTP/2 when it first uses it.
    onLoad({ filter: /\/undici\/lib\/dispatcher\/client\.js$/ }, ({ path }) => ({
      contents: withHttp2AtFirstUse(readFileSync(path, "utf8")),
    }));
    // The experimental parser, 160 KB. Node also leaves it out:
    // https://github.com/nodejs/undici/blob/main/lib/dispatcher/client-h1.js
    onLoad({ filter: /\/undici\/lib\/dispatcher\/parser-h1\.js$/ }, () => ({
      contents: "exports.getMiloEnabled = () => false;",
    }));
  },
};

const CONNECT = "const connectH2 = require('./client-h2.js')";

function withHttp2AtFirstUse(text: string): string {
  if (!text.includes(CONNECT)) throw new Error(`undici has no longer: ${CONNECT}`);
  return text.replace(CONNECT, "const connectH2 = (client, socket) => require('./client-h2.js')(client, socket)");
}

const PARTS = `
exports.Agent = require("undici/lib/dispatcher/agent.js");
exports.Pool = require("undici/lib/dispatcher/pool.js");
Object.defineProperty(exports, "ProxyAgent", {
  get() {
    // Needed for tunnels. The whole package gives it to each dispatcher.
    require("undici/lib/dispatcher/dispatcher.js").prototype.connect ??= require("undici/lib/api/api-connect.js");
    return require("undici/lib/dispatcher/proxy-agent.js");
  },
});
exports.errors = require("undici/lib/core/errors.js");
exports.fetch = (url, options) => require("undici/lib/web/fetch/index.js").fetch(url, options);
`;
