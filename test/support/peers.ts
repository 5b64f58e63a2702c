import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";

const PEERS = fileURLToPath(new URL("../peers/", import.meta.url));

/** Built by `npm run peers` alone: these take minutes, the others seconds. */
const SLOW = ["kubernetes", "notifications-engine"];

/** Names of peers to do without, also in CI. */
const LEFT_OUT = (process.env.WITHOUT_PEERS ?? "").split(/[\s,]+/);

/** The programs in test/peers/ that are built here. */
export const PEER_NAMES = readdirSync(PEERS).filter((name) => !LEFT_OUT.includes(name));

/**
 * The path of a program in test/peers/, built from the libraries that its go.mod pins. It is built once per machine, and
 * kept outside of the checkout. Where it cannot be built the test is skipped and undefined is returned; in CI it fails.
 */
export function peer(t: TestContext, name: string): string | undefined {
  try {
    const program = pathOf(name);
    if (LEFT_OUT.includes(name)) throw new Error(`WITHOUT_PEERS leaves ${name} out`);
    if (existsSync(program)) return program;
    if (SLOW.includes(name) && process.env.CI !== "true")
      throw new Error(`test/peers/${name} is not built yet: npm run peers builds it`);
    return buildPeer(name);
  } catch (error) {
    if (process.env.CI === "true" && !LEFT_OUT.includes(name)) throw error;
    t.skip((error as Error).message);
    return undefined;
  }
}

/** Builds a peer unless it is there already, and returns its path. @throws Error that says what is missing. */
export function buildPeer(name: string): string {
  const program = pathOf(name);
  if (existsSync(program)) return program;
  mkdirSync(CACHE, { recursive: true });
  const unfinished = `${program}.${process.pid}`;
  const cwd = join(PEERS, name);
  // Without them the API server does not know its version, and Helm rejects it.
  const ldflags = existsSync(join(cwd, "ldflags")) ? readFileSync(join(cwd, "ldflags"), "utf8").trim() : "";
  const build = ["build", "-mod=readonly", "-buildvcs=false", `-ldflags=${ldflags}`, "-o", unfinished, "."];
  const { error, stderr } = spawnSync("go", build, { cwd, encoding: "utf8" });
  if (error) throw new Error("Go is missing: https://go.dev/dl, or apt-get install golang-go", { cause: error });
  if (!existsSync(unfinished)) {
    throw new Error(`test/peers/${name} cannot be built, which needs Go's module proxy: ${stderr.trim()}`);
  }
  // Two test files may build the same program at once. Each puts a whole one there.
  renameSync(unfinished, program);
  return program;
}

const CACHE = join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "gh-runner-peers");

function pathOf(name: string): string {
  const hash = createHash("sha256");
  for (const file of readdirSync(join(PEERS, name)).sort()) {
    hash.update(file).update(readFileSync(join(PEERS, name, file)));
  }
  return join(CACHE, `${name}-${hash.digest("hex").slice(0, 16)}`);
}

/** What a peer answers on standard output to a question on its standard input, both JSON. Undefined as for `peer`. */
export function askPeer<Answer>(t: TestContext, name: string, question: unknown): Answer | undefined {
  const program = peer(t, name);
  if (program === undefined) return undefined;
  const { status, stdout, stderr } = spawnSync(program, {
    input: JSON.stringify(question),
    encoding: "utf8",
    maxBuffer: 256 * 1024 * 1024,
  });
  if (status !== 0) throw new Error(`test/peers/${name} ended with ${status}: ${stderr}`);
  return JSON.parse(stdout) as Answer;
}
