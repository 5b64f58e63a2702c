import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from "node:crypto";
import type { Trip } from "./sign-in-method.ts";

/** Long enough to type a password and find a second factor, ms. */
export const TRIP_MS = 10 * 60_000;

/** The state that a browser carries to the other service and back. */
export type Carried = Omit<Trip, "redirectUri"> & {
  /** The page to open afterwards. */
  readonly next: string;
  /** Epoch milliseconds. */
  readonly endsAt: number;
};

/**
 * Seals this state in a cookie, so that any replica can read it and none stores it. The key comes from the client
 * secret, which all replicas share. What is sealed for one method cannot be opened for another.
 */
export function sealing(clientSecret: string, method: string) {
  const key = Buffer.from(hkdfSync("sha256", clientSecret, "", `gh-runner sign-in ${method}`, 32));
  return {
    seal(carried: Carried): string {
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv("aes-256-gcm", key, nonce);
      const sealed = Buffer.concat([cipher.update(JSON.stringify(carried)), cipher.final()]);
      return Buffer.concat([nonce, cipher.getAuthTag(), sealed]).toString("base64url");
    },
    /** Undefined if the text was not sealed here, or is too old. */
    open(text: string, now: number): Carried | undefined {
      const bytes = Buffer.from(text, "base64url");
      if (bytes.length < NONCE_BYTES + TAG_BYTES) return undefined;
      const decipher = createDecipheriv("aes-256-gcm", key, bytes.subarray(0, NONCE_BYTES), {
        authTagLength: TAG_BYTES,
      });
      decipher.setAuthTag(bytes.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES));
      try {
        const opened = Buffer.concat([decipher.update(bytes.subarray(NONCE_BYTES + TAG_BYTES)), decipher.final()]);
        const carried = JSON.parse(opened.toString()) as Carried;
        return carried.endsAt > now ? carried : undefined;
      } catch {
        return undefined;
      }
    },
  };
}

const NONCE_BYTES = 12;
const TAG_BYTES = 16;
