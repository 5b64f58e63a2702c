import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";

const PEERS = fileURLToPath(new URL("../peers/", import.meta.url));

/**
 * The path of a program in test/peers/, built from the libraries that its go.mod pins. It is built once per machine, and
 * kept outside of the checkout. Where it cannot be built the test is skipped and undefined is returned; in CI it fails.
 */
export function peer(t: TestContext, name: string): string | undefined {
  const sources = join(PEERS, name);
  const hash = createHash("sha256");
  for (const file of readdirSync(sources).sort()) hash.update(file).update(readFileSync(join(sources, file)));
  const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "gh-runner-peers");
  const program = join(cache, `${name}-${hash.digest("hex").slice(0, 16)}`);
  if (existsSync(program)) return program;

  mkdirSync(cache, { recursive: true });
  const unfinished = `${program}.${process.pid}`;
  const { error, stderr } = spawnSync("go", ["build", "-mod=readonly", "-o", unfinished, "."], {
    cwd: sources,
    encoding: "utf8",
  });
  if (existsSync(unfinished)) {
    // Two test files may build the same program at once. Each puts a whole one there.
    renameSync(unfinished, program);
    return program;
  }
  const missing = error
    ? "Go is missing: https://go.dev/dl, or apt-get install golang-go"
    : `test/peers/${name} cannot be built, which needs Go's module proxy: ${stderr.trim()}`;
  if (process.env.CI === "true") throw new Error(missing, { cause: error });
  t.skip(missing);
  return undefined;
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
