import { createHmac, timingSafeEqual } from "node:crypto";

/**
 * Whether a header such as `sha256=<hex>` is the HMAC of these bytes with one of the keys. Takes as long for a wrong one
 * as for a right one.
 * @param algorithms that count, `["sha256"]`.
 */
export function isSignedWith(
  keys: readonly string[],
  bytes: Uint8Array,
  header: string | undefined,
  algorithms: readonly string[],
): boolean {
  const [, algorithm = "", signature = ""] = /^(\w+)=([0-9a-f]+)$/i.exec(header ?? "") ?? [];
  if (!algorithms.includes(algorithm)) return false;
  const given = Buffer.from(signature.toLowerCase());
  return keys.reduce((found, key) => {
    const expected = Buffer.from(createHmac(algorithm, key).update(bytes).digest("hex"));
    return (given.byteLength === expected.byteLength && timingSafeEqual(given, expected)) || found;
  }, false);
}
