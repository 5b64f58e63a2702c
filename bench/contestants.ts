import { spawnSync } from "node:child_process";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildSync } from "esbuild";
import { imageOf, type MeasuredService, startBundle } from "./service.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

/** The GitHub that a contestant uses. */
export type GitHubPlace = {
  readonly url: string;
  /** PEM file with the certificate of the stand-in's authority. */
  readonly authorityFile?: string;
  /** The proxy that leads raw.githubusercontent.com to the stand-in. */
  readonly rawProxy?: string;
};

export type Started = MeasuredService & { readonly readyMs: number; readonly readyCpuMs: number };

export type StartOptions = {
  readonly env?: Record<string, string>;
  /** Whether a Node program starts with the image's options: less memory, more CPU. */
  readonly asImage?: boolean;
};

export type Contestant = {
  readonly name: string;
  /**
   * `bare` does the work without any guarantees and is measured only for speed. `before` is gh-runner at another
   * revision.
   */
  readonly kind: "ours" | "before" | "bare" | "other";
  /** Whether it stores events and sends them later, so that the measurement waits for it. */
  readonly keepsEvents: boolean;
  /** Whether the image starts it with options of Node. */
  readonly hasImage: boolean;
  /** Its share of the dispatches of a round: less if each costs a hundred times as much. */
  readonly share: number;
  start(place: GitHubPlace, options?: StartOptions): Promise<Started>;
};

/** All of them, in the order of the columns. `before` is a built checkout of another revision. */
export function contestants(before?: { readonly name: string; readonly root: string }): readonly Contestant[] {
  return [
    ours("gh-runner", "ours", ROOT),
    ...(before ? [ours(before.name, "before", before.root)] : []),
    bareParts(),
    ...goService(),
    ...webhook(),
  ];
}

function ours(name: string, kind: "ours" | "before", root: string): Contestant {
  return {
    name,
    kind,
    keepsEvents: true,
    hasImage: true,
    share: 1,
    start: onNode([join(root, "dist/gh-runner.js"), "serve"], imageOf(root)),
  };
}

function onNode(program: readonly string[], image: ReturnType<typeof imageOf>): Contestant["start"] {
  return (place, { env, asImage = false } = {}) =>
    startBundle(place.url, {
      nodeOptions: asImage ? image.nodeOptions : [],
      program,
      env: { ...(asImage && image.env), ...trust(place), ...env },
    });
}

/** The same work without gh-runner's code, in one file like gh-runner. */
function bareParts(): Contestant {
  const outfile = join(mkdtempSync(join(tmpdir(), "gh-runner-bench-")), "floor.mjs");
  buildSync({
    absWorkingDir: ROOT,
    entryPoints: ["bench/floor.ts"],
    outfile,
    bundle: true,
    minify: true,
    platform: "node",
    format: "esm",
    // CommonJS packages load Node's modules with `require`.
    banner: { js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);' },
  });
  return {
    name: "bare parts",
    kind: "bare",
    keepsEvents: false,
    hasImage: true,
    share: 1,
    start: onNode([outfile], imageOf(ROOT)),
  };
}

/** The Go service if REFERENCE_BIN names its binary. Otherwise a program that does its job, if Go is installed. */
function goService(): readonly Contestant[] {
  const { REFERENCE_BIN } = process.env;
  const program = REFERENCE_BIN ?? built("go-service");
  if (!program) return [];
  return [
    {
      name: REFERENCE_BIN ? "Go service" : "Go program",
      kind: "other",
      keepsEvents: false,
      hasImage: false,
      share: 1,
      start: (place, { env } = {}) =>
        startBundle(place.url, {
          command: () => [program],
          env: { SSL_CERT_FILE: place.authorityFile ?? "", HTTPS_PROXY: place.rawProxy ?? "", ...env },
        }),
    },
  ];
}

function built(peer: string): string | undefined {
  const { status, stdout, stderr } = spawnSync(join(ROOT, "scripts/build-peers.sh"), [peer], { encoding: "utf8" });
  if (status === 0) return stdout.trim();
  process.stderr.write(`Left out: test/peers/${peer} was not built: ${stderr}`);
  return undefined;
}

/** https://github.com/adnanh/webhook, Debian's package of the same name, with a script of curl and awk. */
function webhook(): readonly Contestant[] {
  const missing = ["webhook", "curl", "awk"].filter((program) => spawnSync(program, ["-version"]).error);
  if (missing.length > 0) {
    process.stderr.write(`Left out: webhook + curl. Missing: ${missing.join(", ")}, as in Debian's packages.\n`);
    return [];
  }
  const hooks = join(ROOT, "bench/webhook/hooks.json");
  return [
    {
      name: "webhook + curl",
      kind: "other",
      keepsEvents: false,
      hasImage: false,
      share: 0.1,
      start: (place, { env } = {}) =>
        startBundle(place.url, {
          command: (port) => ["webhook", "-hooks", hooks, "-ip", "127.0.0.1", "-port", `${port}`, "-urlprefix", ""],
          env: { CURL_CA_BUNDLE: place.authorityFile ?? "", ...env },
        }),
    },
  ];
}

const trust = ({ authorityFile }: GitHubPlace): Record<string, string> =>
  authorityFile ? { NODE_EXTRA_CA_CERTS: authorityFile } : {};
