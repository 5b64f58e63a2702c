import { isQuoted } from "./setting.ts";

/** How texts become values that settings of more than one part have. */

export function optional(text: string): string | undefined {
  return text || undefined;
}

/** Several secrets, any of which counts, so that one can be replaced without a gap. A secret may hold a comma. */
export function secretLines(text: string): readonly string[] {
  const lines = text.split("\n").map((line) => line.trim());
  if (lines.some(isQuoted)) throw new Error("one of the secrets is in quotation marks: remove them");
  return lines.filter(Boolean);
}

export function numberFrom(least: number, most: number): (text: string) => number {
  return (text) => {
    const number = Number(text);
    if (!(number >= least && number <= most))
      throw new Error(`expected a number from ${least} to ${most}, got "${text}"`);
    return number;
  };
}

export function oneOf<Word extends string>(words: readonly Word[], expected: string): (text: string) => Word {
  return (text) => {
    if (!(words as readonly string[]).includes(text)) throw new Error(`expected ${expected}, got "${text}"`);
    return text as Word;
  };
}

export function baseUrl(example: string, tokenSetting: string): (text: string) => string {
  return (text) => {
    const url = URL.parse(text);
    if (!url || !["http:", "https:"].includes(url.protocol)) throw new Error(`expected a URL such as ${example}`);
    if (url.username || url.password) throw new Error(`must not contain credentials: use ${tokenSetting}`);
    if (url.search || url.hash) throw new Error("must not contain a query or a fragment");
    return (url.origin + url.pathname).replace(/\/+$/, "");
  };
}

export function token(text: string): string | undefined {
  const trimmed = text.trim();
  if (!/^[\x21-\x7e]*$/.test(trimmed)) throw new Error("contains characters that no token has (spaces, line breaks)");
  return trimmed || undefined;
}
