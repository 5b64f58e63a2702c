/** Finds secrets in all their encodings, in one pass over a text, for any number of secrets. */
export type Spellings = {
  /** Adds a secret until the returned function is called. The cost does not depend on the number of secrets. */
  add(secret: string, isGuarded: boolean): () => void;
  /** The text with every secret replaced, or only the guarded ones. */
  without(text: string, onlyGuarded?: boolean): string;
  /** The length of the longest spelling. */
  longest(): number;
};

/** The replacement for a secret. */
export const HIDDEN = "***";

/** Replacing shorter values would damage ordinary words, and no token is this short. */
const MIN_SECRET_CHARACTERS = 6;

/**
 * A shorter secret looks like a word, such as the password `postgres`. It is matched exactly, and not in other cases
 * and encodings.
 */
export const MIN_TOKEN_CHARACTERS = 12;

/** @returns whether a secret is long enough for a token. Tokens are guarded. */
export function isToken(secret: string): boolean {
  return secret.length >= MIN_TOKEN_CHARACTERS;
}

/** A secret, how many times it was added, and how many of these as guarded. */
type Known = { times: number; guards: number; readonly ways: readonly Way[] };

/** One encoding of a secret, at least four units long. `isFolded`: lower-case, matches any case. */
type Way = { readonly text: string; readonly isFolded: boolean; readonly of: Known };

/**
 * Counts by the hash of the first four units. Most texts contain none of these beginnings, so nothing else is checked.
 */
const SLOTS = 1 << 14;

/**
 * One pass takes 2.7 ns per character, for any number of secrets (`npm run bench:secrets`). A search per encoding is
 * faster for few secrets in long texts, but 13 times slower for a log record with 200 tokens.
 */
export function openSpellings(): Spellings {
  const secrets = new Map<string, Known>();
  const starts = new Uint32Array(SLOTS);
  const byStart = new Map<number, Set<Way>>();

  function put(way: Way): void {
    const start = startOf(way.text);
    starts[slotOf(start)]! += 1;
    byStart.set(start, (byStart.get(start) ?? new Set()).add(way));
  }

  function take(way: Way): void {
    const start = startOf(way.text);
    starts[slotOf(start)]! -= 1;
    const ways = byStart.get(start);
    ways?.delete(way);
    if (ways?.size === 0) byStart.delete(start);
  }

  return {
    add(secret, isGuarded) {
      const known = secrets.get(secret) ?? newSecret(secret);
      if (known.times === 0) {
        secrets.set(secret, known);
        for (const way of known.ways) put(way);
      }
      known.times += 1;
      known.guards += isGuarded ? 1 : 0;
      let isIn = true;
      return () => {
        if (!isIn) return;
        isIn = false;
        known.guards -= isGuarded ? 1 : 0;
        known.times -= 1;
        if (known.times > 0) return;
        secrets.delete(secret);
        for (const way of known.ways) take(way);
      };
    },
    without(text, onlyGuarded = false) {
      if (secrets.size === 0) return text;
      let clean = "";
      /** End of the last secret that was found. */
      let to = 0;
      let start = 0;
      for (let end = 0; end < text.length; end++) {
        start = (start << 8) | (folded(text.charCodeAt(end)) & 0xff);
        if (end < 3 || starts[slotOf(start)] === 0) continue;
        const at = end - 3;
        for (const way of byStart.get(start) ?? []) {
          if (onlyGuarded && way.of.guards === 0) continue;
          if (at + way.text.length <= to || !standsAt(text, at, way)) continue;
          // Secrets that overlap are replaced as one.
          if (at >= to) clean += text.slice(to, at) + HIDDEN;
          to = at + way.text.length;
        }
      }
      return clean + text.slice(to);
    },
    longest: () => Math.max(0, ...[...secrets.values()].flatMap(({ ways }) => ways.map(({ text }) => text.length))),
  };
}

function newSecret(secret: string): Known {
  const ways: Way[] = [];
  const known: Known = { times: 0, guards: 0, ways };
  const isFolded = isToken(secret) && secret.length <= MAX_ENCODED_CHARACTERS;
  for (const text of spellingsOf(secret)) ways.push({ text, isFolded, of: known });
  return known;
}

function spellingsOf(secret: string): readonly string[] {
  const { length } = secret;
  if (length < MIN_SECRET_CHARACTERS) return [];
  if (length > MAX_ENCODED_CHARACTERS) return [secret];
  const plain = secret.toWellFormed();
  const written = AS_IT_IS.test(secret) ? [secret] : inJson([secret, inHtml(plain), ...percentEncoded(plain)]);
  if (!isToken(secret)) return written;
  const hex = Buffer.from(plain).toString("hex");
  return [...new Set([...written, ...base64Of(plain), hex, hex.replace(/../g, "%$&")].map(lowerCase))];
}

/** Unchanged in a URL, in HTML and in JSON. */
const AS_IT_IS = /^[\w.-]+$/;

/** The longest secrets are keys of Apps: about 3,300 characters for 4,096 bits. */
const MAX_ENCODED_CHARACTERS = 10_000;

/** Escaped as in JSON, and as in JSON within JSON. */
function inJson(ways: readonly string[]): readonly string[] {
  const once = ways.map(escaped);
  return [...new Set([...ways, ...once, ...once.map(escaped)])];
}

function escaped(text: string): string {
  return JSON.stringify(text).slice(1, -1);
}

/** Encoders differ in the characters that they encode: for a component, RFC 3986, a form, or a path. */
function percentEncoded(text: string): readonly string[] {
  const component = encodeURIComponent(text);
  return [
    component,
    component.replace(/[!'()*]/g, (each) => `%${each.charCodeAt(0).toString(16)}`),
    new URLSearchParams({ "": text }).toString().slice(1),
    encodeURI(text),
  ];
}

function inHtml(text: string): string {
  const names: Readonly<Record<string, string>> = { "&": "amp", "<": "lt", ">": "gt", '"': "quot", "'": "#39" };
  return text.replace(/[&<>"']/g, (each) => `&${names[each]};`);
}

/**
 * The base64 forms of a text at any position in the encoded data, such as behind `x-access-token:`. It can begin at any
 * of three bytes. Characters that also encode the neighbouring bytes are left out.
 */
function base64Of(text: string): readonly string[] {
  return [0, 1, 2].flatMap((before) => {
    const bytes = Buffer.concat([Buffer.alloc(before), Buffer.from(text)]);
    const from = Math.ceil((before * 8) / 6);
    const to = Math.floor((bytes.length * 8) / 6);
    const plain = bytes.toString("base64").slice(from, to);
    const inUrl = bytes.toString("base64url").slice(from, to);
    return plain === inUrl ? [plain] : [plain, inUrl, encodeURIComponent(plain)];
  });
}

function lowerCase(text: string): string {
  return /[^\0-\x7f]/.test(text) ? text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase()) : text.toLowerCase();
}

/** A UTF-16 unit, with ASCII letters in lower case. */
function folded(unit: number): number {
  return unit >= 65 && unit <= 90 ? unit + 32 : unit;
}

/** The first four units as one number. Encodings with the same number are compared in full. */
function startOf(way: string): number {
  let start = 0;
  for (let at = 0; at < 4; at++) start = (start << 8) | (folded(way.charCodeAt(at)) & 0xff);
  return start;
}

/** Fibonacci hashing: https://en.wikipedia.org/wiki/Hash_function#Fibonacci_hashing */
function slotOf(start: number): number {
  return Math.imul(start, 0x9e3779b1) >>> 18;
}

function standsAt(text: string, at: number, { text: way, isFolded }: Way): boolean {
  if (!isFolded) return text.startsWith(way, at);
  for (let unit = 0; unit < way.length; unit++) {
    if (folded(text.charCodeAt(at + unit)) !== way.charCodeAt(unit)) return false;
  }
  return true;
}
