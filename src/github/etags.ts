import type { Answer } from "./answer.ts";

/**
 * Answers with an ETag, so that GitHub can say that nothing has changed. GitHub is asked every time all the same: what
 * is remembered is used only when it has just answered 304, which costs no primary quota.
 * @see https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api#use-conditional-requests-if-appropriate
 */
export type RememberedAnswers = {
  get(key: string): { readonly etag: string; readonly answer: Answer } | undefined;
  put(key: string, answer: Answer): void;
};

/** A values file is a few KB: room for about a thousand. */
const MAX_BYTES = 4_000_000;

/** What an entry takes besides its body. */
const ENTRY_BYTES = 1000;

/** Keeps what was used last. */
export function rememberedAnswers(maxBytes = MAX_BYTES): RememberedAnswers {
  const known = new Map<string, { etag: string; answer: Answer }>();
  let bytes = 0;
  const sizeOf = ({ answer }: { answer: Answer }) => answer.bytes.byteLength + ENTRY_BYTES;
  const forget = (key: string) => {
    const entry = known.get(key);
    if (entry && known.delete(key)) bytes -= sizeOf(entry);
  };

  return {
    get(key) {
      const entry = known.get(key);
      if (!entry) return undefined;
      known.delete(key);
      known.set(key, entry);
      return entry;
    },
    put(key, answer) {
      forget(key);
      const { etag } = answer.headers;
      // A small buffer is a part of a larger one, all of which it would keep.
      const entry = { etag: etag ?? "", answer: { ...answer, bytes: new Uint8Array(answer.bytes) } };
      if (!etag || sizeOf(entry) > maxBytes / 4) return;
      known.set(key, entry);
      bytes += sizeOf(entry);
      for (const oldest of known.keys()) {
        if (bytes <= maxBytes) return;
        forget(oldest);
      }
    },
  };
}
