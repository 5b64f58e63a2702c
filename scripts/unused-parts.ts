import type { Plugin } from "esbuild";

/**
 * Leaves out code that packages load at the start and nothing here uses, with its Node modules: the gateway and the
 * clusters of Prometheus (TLS, 0.9 MB), pino's transports (threads), commander's commands in separate files
 * (processes).
 */
export const withoutUnusedParts: Plugin = {
  name: "without unused parts",
  setup: ({ onResolve, onLoad }) => {
    onLoad({ filter: /\/@prometheus-io\/client\/lib\/(pushgateway|cluster|worker|defaultMetrics)\.js$/ }, empty);
    onLoad({ filter: /\/pino\/lib\/transport\.js$/ }, empty);
    onLoad({ filter: /\/universal-user-agent\/index\.js$/ }, () => ({ contents: USER_AGENT }));
    onResolve({ filter: /^(node:)?assert$/ }, ({ importer }) =>
      /\/(undici|sonic-boom)\//.test(importer) ? { path: "assert", namespace: "assert-when-false" } : undefined,
    );
    onLoad({ filter: /./, namespace: "assert-when-false" }, () => ({ contents: ASSERT }));
    for (const [importer, [module, contents]] of Object.entries(ONLY)) {
      onResolve({ filter: new RegExp(`^${module}$`) }, ({ path, importer: file }) =>
        file.endsWith(importer) ? { path, namespace: `only-${importer}` } : undefined,
      );
      onLoad({ filter: /./, namespace: `only-${importer}` }, () => ({ contents }));
    }
  },
};

/** The value of Node's `navigator`, which would be loaded only for this. */
const USER_AGENT = 'export const getUserAgent = () => "Node.js/" + process.versions.node.split(".")[0];';

/** Node's `assert` is loaded only to throw. */
const ASSERT = `
module.exports = (value, ...more) => {
  if (!value) process.getBuiltinModule("node:assert")(value, ...more);
};`;

const empty = () => ({ contents: "" });

/** The contents that a file of a package gets instead of one of Node's modules. */
const ONLY: Readonly<Record<string, readonly [module: string, contents: string]>> = {
  "/pino/lib/tools.js": ["worker_threads", "exports.isMainThread = true;"],
  "/commander/lib/command.js": ["node:child_process", "export default {};"],
};
