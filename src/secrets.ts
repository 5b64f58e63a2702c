/** The secrets that this process knows, and the means to keep them out of whatever it says. */
export type Secrets = {
  /** Hides this value until the returned function is called. */
  hide(secret: string): () => void;
  /** The text with every hidden value, and whatever looks like a GitHub token, replaced by `***`. */
  scrub(text: string): string;
  /** The same for every string inside a JSON-like value; an Error becomes its type, message, stack and cause. */
  scrubAll(value: unknown): unknown;
};

const HIDDEN = "***";

/** Replacing shorter values would garble ordinary words, and no token is that short. */
const MIN_SECRET_CHARACTERS = 6;

/** GitHub's token formats: https://github.blog/engineering/platform-security/behind-githubs-new-authentication-token-formats/ */
const TOKEN_SHAPES = /\b(?:gh[pousr]_[\w.-]{16,}|github_pat_\w{16,})|\b(?:bearer|basic)\s+[\w.~+/=-]{16,}/gi;

/** Deeper values are not logged by anything here; the bound ends cycles. */
const MAX_DEPTH = 6;

export function knownSecrets(permanent: readonly string[]): Secrets {
  const holders = new Map<string, number>();

  const hide = (secret: string): (() => void) => {
    if (secret.length < MIN_SECRET_CHARACTERS) return () => {};
    const spellings = new Set([secret, encodeURIComponent(secret), JSON.stringify(secret).slice(1, -1)]);
    for (const spelling of spellings) holders.set(spelling, (holders.get(spelling) ?? 0) + 1);
    return () => {
      for (const spelling of spellings) {
        const left = (holders.get(spelling) ?? 0) - 1;
        if (left > 0) holders.set(spelling, left);
        else holders.delete(spelling);
      }
    };
  };
  for (const secret of permanent) hide(secret);

  const scrub = (text: string): string => {
    let clean = text;
    for (const spelling of holders.keys()) clean = clean.replaceAll(spelling, HIDDEN);
    return clean.replace(TOKEN_SHAPES, HIDDEN);
  };

  const scrubAll = (value: unknown, depth = 0): unknown => {
    if (typeof value === "string") return scrub(value);
    if (typeof value !== "object" || value === null) return value;
    if (depth > MAX_DEPTH) return "[too deep]";
    if (Array.isArray(value)) return value.map((item) => scrubAll(item, depth + 1));
    if (value instanceof Error) {
      const { name: type, message, stack, cause } = value;
      return scrubAll({ type, message, stack, ...(cause === undefined ? {} : { cause }) }, depth + 1);
    }
    return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, scrubAll(item, depth + 1)]));
  };

  return { hide, scrub, scrubAll: (value) => scrubAll(value) };
}
