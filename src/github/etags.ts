import type { Answer } from "./answer.ts";

/**
 * Answers with an ETag, so that GitHub can answer that nothing has changed. Every request still goes to GitHub. A
 * remembered answer is used only after a 304, which costs no primary quota. undici's cache would answer for a minute
 * without asking, since GitHub sends `max-age=60`.
 * @see https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api#use-conditional-requests-if-appropriate
 */
export type RememberedAnswers = {
  get(key: string): Answer | undefined;
  /** An answer without an ETag removes the previous answer. */
  put(key: string, answer: Answer): void;
};

/** A values file is a few KB, so there is room for about a thousand. */
const MAX_BYTES = 4_000_000;

/** What an entry takes in addition to its body. */
const ENTRY_BYTES = 1000;

/** Keeps the most recently used answers. */
export function rememberedAnswers(maxBytes = MAX_BYTES): RememberedAnswers {
  const known = new Map<string, Answer>();
  let bytes = 0;
  const sizeOf = (answer: Answer) => answer.bytes.byteLength + ENTRY_BYTES;
  const forget = (key: string): Answer | undefined => {
    const answer = known.get(key);
    if (answer && known.delete(key)) bytes -= sizeOf(answer);
    return answer;
  };
  const add = (key: string, answer: Answer) => {
    known.set(key, answer);
    bytes += sizeOf(answer);
  };

  return {
    get(key) {
      const answer = forget(key);
      if (answer) add(key, answer);
      return answer;
    },
    put(key, answer) {
      forget(key);
      if (!answer.headers.etag || sizeOf(answer) > maxBytes / 4) return;
      // A small buffer may be part of a larger one and would keep all of it in memory.
      add(key, { ...answer, bytes: new Uint8Array(answer.bytes) });
      for (const oldest of known.keys()) {
        if (bytes <= maxBytes) return;
        forget(oldest);
      }
    },
  };
}
