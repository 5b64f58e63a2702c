import { generateKeyPairSync } from "node:crypto";

/** A key of a GitHub App, as a person gives it to the service, and as GitHub keeps it. Making one takes a moment. */
export function appKey(): { readonly privateKey: string; readonly publicKey: string } {
  const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  return {
    privateKey: privateKey.export({ type: "pkcs1", format: "pem" }).toString(),
    publicKey: publicKey.export({ type: "spki", format: "pem" }).toString(),
  };
}
