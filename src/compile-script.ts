import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { Script } from "node:vm";

/**
 * Compiles a script of the release with V8's code cache from `scripts/code-cache.ts`. V8 rejects the cache of another
 * version, or of other flags (except memory sizes). Then it compiles normally.
 *
 * Node's module cache does not fit a release: the name of its folder depends on the user's number and the processor.
 */
export function compileScript(file: string, { cached }: { readonly cached: boolean }): Script {
  const bytes = readFileSync(file);
  const cachedData = cached ? readCodeCache(file, bytes) : undefined;
  // The file name is part of the cache. Without the folder, the cache is the same everywhere.
  const filename = cached ? file : basename(file);
  // The script is ASCII. Latin-1 keeps one byte per character.
  const source = bytes.toString("latin1");
  return new Script(source, cachedData ? { filename, cachedData } : { filename });
}

export function codeCacheOf(file: string): string {
  return file.replace(/\.js$/, ".cache");
}

/** The content of a cache file: a checksum of the cache and its script, then the cache. */
export function sealedCodeCache(file: string, cache: Buffer): Buffer {
  return Buffer.concat([checksum(readFileSync(file), cache), cache]);
}

const CHECKSUM_BYTES = 32;

/** V8 compares only lengths. It would run an old script from a stale cache, and one wrong byte ends the process. */
function readCodeCache(file: string, script: Buffer): Buffer | undefined {
  try {
    const sealed = readFileSync(codeCacheOf(file));
    const cache = sealed.subarray(CHECKSUM_BYTES);
    return checksum(script, cache).equals(sealed.subarray(0, CHECKSUM_BYTES)) ? cache : undefined;
  } catch {
    return undefined;
  }
}

function checksum(script: Buffer, cache: Buffer): Buffer {
  // Not zlib's crc32: nothing else needs zlib at the start, and it takes 1 MB.
  return createHash("sha256").update(script).update(cache).digest();
}
