/** Secrets in all the ways in which they are written, found in a text in one pass however many there are. */
export type Spellings = {
  /** Counts this secret in, until the returned function is called. Neither costs more when there are many others. */
  add(secret: string, isGuarded: boolean): () => void;
  /** The text with every secret replaced, or every one that is guarded. */
  without(text: string, onlyGuarded?: boolean): string;
  /** The length of the longest spelling. */
  longest(): number;
};

/** What a secret is replaced by. */
export const HIDDEN = "***";

/** Replacing shorter values would garble ordinary words, and no token is that short. */
const MIN_SECRET_CHARACTERS = 6;

/**
 * A shorter secret cannot be told from a word, such as the password `postgres`: it is looked for as it is written, and
 * not in other cases and encodings.
 */
export const MIN_TOKEN_CHARACTERS = 12;

/** @returns whether a secret is long enough to be a token, which is guarded. */
export function isToken(secret: string): boolean {
  return secret.length >= MIN_TOKEN_CHARACTERS;
}

/** A secret, how often it was added, and how often of these as one that is guarded. */
type Known = { times: number; guards: number; readonly ways: readonly Way[] };

/** One spelling, at least four units long. `isFolded`: in lower case, and found in any. */
type Way = { readonly text: string; readonly isFolded: boolean; readonly of: Known };

/** By the hash of the first four units: most texts hold none of the beginnings, which is all that is looked at then. */
const SLOTS = 1 << 14;

/**
 * One pass takes 2.7 ns per character, however many secrets there are (`npm run bench:secrets`). A search for each spelling
 * in turn is faster for few secrets in long texts, and 13 times slower for a log record while 200 tokens are in use.
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
      /** Where the secret that was found last ends. */
      let to = 0;
      let start = 0;
      for (let end = 0; end < text.length; end++) {
        start = (start << 8) | (folded(text.charCodeAt(end)) & 0xff);
        if (end < 3 || starts[slotOf(start)] === 0) continue;
        const at = end - 3;
        for (const way of byStart.get(start) ?? []) {
          if (onlyGuarded && way.of.guards === 0) continue;
          if (at + way.text.length <= to || !standsAt(text, at, way)) continue;
          // Those that overlap are one.
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

/** In a URL, in HTML and in JSON. */
const AS_IT_IS = /^[\w.-]+$/;

/** The longest secrets are the keys of Apps, with 4,096 bits some 3,300 characters. */
const MAX_ENCODED_CHARACTERS = 10_000;

/** As strings of JSON carry them, and JSON inside of JSON. */
function inJson(ways: readonly string[]): readonly string[] {
  const once = ways.map(escaped);
  return [...new Set([...ways, ...once, ...once.map(escaped)])];
}

function escaped(text: string): string {
  return JSON.stringify(text).slice(1, -1);
}

/** Which characters are encoded depends on the encoder: a component's, RFC 3986's, a form's, a path's. */
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
 * What base64 makes of it wherever it begins in what is encoded, such as behind `x-access-token:`: of three bytes in a row
 * each may be the first. The characters that also encode what stands before or behind are left out.
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

/** A unit of UTF-16 with the letters of ASCII in lower case. */
function folded(unit: number): number {
  return unit >= 65 && unit <= 90 ? unit + 32 : unit;
}

/** The first four units in one number; those that share it are told apart where they stand. */
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
