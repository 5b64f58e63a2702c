import { createHmac, timingSafeEqual } from "node:crypto";
import type { CallerToken } from "../model/credential.ts";

export const SESSION_SECONDS = 7 * 86_400;

/**
 * Sessions of people who have shown one of the tokens. Nothing about them is kept: a session proves itself.
 * It is the time at which it ends, signed with a key made from the token. It reveals nothing about the token,
 * outlives a restart, and ends when the token is removed from `AUTH_TOKENS`.
 */
export function sessions(
  tokens: readonly CallerToken[],
  { isToken, now }: { isToken: (text: string) => boolean; now: () => number },
) {
  const keys = tokens.map(({ text, actor }) => ({ key: keyOf(text), actor }));
  return {
    /** The session for a valid token; undefined for any other text. */
    open(token: string): string | undefined {
      if (!isToken(token)) return undefined;
      const ends = String(now() + SESSION_SECONDS * 1000);
      return `${ends}.${sign(keyOf(token), ends).toString("base64url")}`;
    },
    /** Who has an open session: `token argocd`; undefined for any other text. */
    actorIn(session: string): string | undefined {
      const [, ends = "", signature = ""] = /^(\d{1,16})\.([\w-]{43})$/.exec(session) ?? [];
      const given = Buffer.from(signature, "base64url");
      if (given.length !== SIGNATURE_BYTES || Number(ends) <= now()) return undefined;
      return keys.reduce<string | undefined>(
        (found, { key, actor }) => (timingSafeEqual(sign(key, ends), given) ? (found ?? actor) : found),
        undefined,
      );
    },
  };
}

const SIGNATURE_BYTES = 32;

const keyOf = (token: string): Buffer => createHmac("sha256", token).update("gh-runner dashboard session").digest();

const sign = (key: Buffer, text: string): Buffer => createHmac("sha256", key).update(text).digest();
