import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { Script } from "node:vm";

/**
 * Compiles a script of the release with what V8 made of it before, which `scripts/code-cache.ts` has written. V8 rejects the
 * cache of another version, and of other flags than those that set sizes of memory. Then, and without one, it compiles as ever.
 *
 * Node's own cache of modules does not fit a release: its folder is named after the user's number and the kind of processor.
 */
export function compileScript(file: string, { cached }: { readonly cached: boolean }): Script {
  const bytes = readFileSync(file);
  const cachedData = cached ? readCodeCache(file, bytes) : undefined;
  // The name is a part of a cache: without the folder, so that the cache is the same everywhere.
  const filename = cached ? file : basename(file);
  // It is ASCII, of which Latin-1 keeps a byte per character.
  const source = bytes.toString("latin1");
  return new Script(source, cachedData ? { filename, cachedData } : { filename });
}

export function codeCacheOf(file: string): string {
  return file.replace(/\.js$/, ".cache");
}

/** What the file of a cache has: the cache, behind a checksum of it and of its script. */
export function sealedCodeCache(file: string, cache: Buffer): Buffer {
  return Buffer.concat([checksum(readFileSync(file), cache), cache]);
}

const CHECKSUM_BYTES = 32;

/** V8 compares lengths alone: of another script it would run the old one, and a cache with one wrong byte ends the process. */
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
  // Not zlib's crc32: nothing else at the start needs zlib, which takes 1 MB.
  return createHash("sha256").update(script).update(cache).digest();
}
