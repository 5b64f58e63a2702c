import { generateKeyPairSync } from "node:crypto";

/** The key of a GitHub App: the private part that you give the service, and the public part that GitHub keeps. Slow to make. */
export function appKey(): { readonly privateKey: string; readonly publicKey: string } {
  const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  return {
    privateKey: privateKey.export({ type: "pkcs1", format: "pem" }).toString(),
    publicKey: publicKey.export({ type: "spki", format: "pem" }).toString(),
  };
}
