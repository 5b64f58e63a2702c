import type { Secrets } from "../model/secrets.ts";
import { HIDDEN, isToken, MIN_TOKEN_CHARACTERS, openSpellings } from "./spellings.ts";

/**
 * GitHub's token formats:
 * https://github.blog/engineering/platform-security/behind-githubs-new-authentication-token-formats/ The second and
 * third also match directly behind a letter. The third is the format of an installation's token since 2026,
 * `ghs_APP_JWT`. Also matches private keys of Apps, as PEM and in base64, and `x-access-token:…` in base64, as git
 * sends it.
 */
const TOKEN_SHAPES =
  /(?<![a-z0-9])gh[pousr]_[\w.-]{16,}|gh[pousr]_[a-z0-9]{30,}|ghs_\d+_eyJ[\w.-]+|github_pat_\w{16,}|-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*-----|$)|LS0tLS1CRUdJTi(?:BSU0EgUFJJVkFURSBLRVkt|BQUklWQVRFIEtFWS0t)[\w+/=]*|eC1hY2Nlc3MtdG9rZW46[\w+/=-]{8,}/gis;

/** A quick check: a text without any of these contains no token shape. */
const SHAPES_BEGIN = /gh[pousr]_|github_pat_|private key|LS0tLS1CRUdJTi|eC1hY2Nlc3MtdG9rZW46/i;

/** The same quick check for the next two. */
const CREDENTIALS_BEGIN = /bearer|basic|xox|:\/\//i;

/** Credentials of any system, and tokens of Slack: https://docs.slack.dev/authentication/tokens/ */
const CREDENTIALS = /\b(?:bearer|basic)\s+[\w.~+/=-]{16,}|\bxox[a-z]-[\w-]{10,}/gi;

/**
 * Secrets in URLs: the password (except the word PASSWORD of gh-runner's messages), a user name with the length of a token, and
 * the path of a Slack or Discord webhook.
 */
const IN_URLS =
  /(:\/\/[^\s/@:"'<>]*:)(?!PASSWORD@)[^\s/@"'<>]+(?=@)|(:\/\/)[^\s/@:"'<>?#]{16,}(?=@)|(\/\/hooks\.slack\.com\/)[\w/-]+|(\/\/(?:\w+\.)?discord(?:app)?\.com\/api\/webhooks\/)[\w/-]+/g;

/** Nothing here logs deeper values. The limit also ends cycles. */
const MAX_DEPTH = 6;

/** The text without anything that looks like a secret. */
export function withoutShapes(text: string): string {
  const clean = withoutTokenShapes(text);
  if (!CREDENTIALS_BEGIN.test(clean)) return clean;
  return clean
    .replace(CREDENTIALS, HIDDEN)
    .replace(IN_URLS, (_all, ...before: (string | undefined)[]) => `${before.slice(0, 4).join("")}${HIDDEN}`);
}

function withoutTokenShapes(text: string): string {
  return SHAPES_BEGIN.test(text) ? text.replace(TOKEN_SHAPES, HIDDEN) : text;
}

/** The same error with secrets removed from message and stack. Do not print its cause. */
export function scrubbed(error: unknown, scrub = withoutShapes): unknown {
  if (!(error instanceof Error)) return typeof error === "string" ? scrub(error) : error;
  const { message, stack } = error;
  error.message = scrub(message);
  if (stack !== undefined) error.stack = scrub(stack);
  return error;
}

export function knownSecrets(permanent: readonly string[]): Secrets {
  const known = openSpellings();
  const guard = (token: string) => known.add(token, isToken(token));
  for (const secret of permanent) guard(secret);

  const scrub = (text: string): string => withoutShapes(known.without(text));

  const brief = (text: string, most: number): string => {
    for (let read = 2 * most + MARGIN; ; read *= 4) {
      const clean = scrub(text.slice(0, read));
      if (read >= text.length && clean.length <= most) return clean;
      // The part that was read may end inside a secret.
      if (read >= text.length || clean.length - Math.max(MARGIN, known.longest()) >= most) {
        return `${clean.slice(0, most).toWellFormed()}…`;
      }
    }
  };

  const tokensIn = (value: unknown, others: readonly string[]): Changed | undefined => {
    const text = JSON.stringify(value) as string | undefined;
    if (text === undefined) return undefined;
    const shows = others.filter(isToken).map(guard);
    // One check of the whole text: almost every value ends here.
    const found =
      SHAPES_BEGIN.test(text) || known.without(text, true) !== text
        ? changed(JSON.parse(text), (each) => known.without(each, true).replace(TOKEN_SHAPES, HIDDEN))
        : undefined;
    for (const show of shows) show();
    return found;
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
    return Object.fromEntries(
      Object.entries(value).map(([name, item]) => [
        name.length < MIN_TOKEN_CHARACTERS ? name : scrub(name),
        scrubAll(item, depth + 1),
      ]),
    );
  };

  return {
    hide: (secret) => known.add(secret, false),
    guard,
    scrub,
    scrubCertain: (text) => withoutTokenShapes(known.without(text)),
    brief,
    scrubAll: (value) => scrubAll(value),
    withoutTokens: <Value>(value: Value, others: readonly string[] = []) =>
      (tokensIn(value, others) ?? { value }).value as Value,
    tokenIn: (value, others = []) => tokensIn(value, others)?.path.join("."),
  };
}

/** A partial secret may need this many characters before its shape matches. */
const MARGIN = 1024;

type Changed = { readonly value: unknown; readonly path: readonly string[] };

type Holder = Record<string, unknown>;

type Place = { readonly holder: Holder; readonly name: string; readonly above: Place | undefined };

/**
 * Changes each string and each name in a JSON value, in place. Returns it with the path of the first change, or
 * undefined without a change. Not recursive, because input from outside may be nested without limit.
 */
function changed(json: unknown, change: (text: string) => string): Changed | undefined {
  const root: Place = { holder: { value: json }, name: "value", above: undefined };
  const left = [root];
  let first: Place | undefined;
  for (let place = left.pop(); place; place = left.pop()) {
    const { holder, name } = place;
    const item = holder[name];
    if (typeof item === "string") {
      holder[name] = change(item);
      if (holder[name] !== item) first ??= place;
    }
    if (typeof item !== "object" || item === null) continue;
    const renamed = Array.isArray(item) ? undefined : Object.keys(item).find((each) => change(each) !== each);
    if (renamed !== undefined) {
      first ??= { holder, name: change(renamed), above: place };
      holder[name] = Object.fromEntries(Object.entries(item).map(([each, inner]) => [change(each), inner]));
    }
    const inside = holder[name] as Holder;
    for (const each of Object.keys(inside).toReversed()) left.push({ holder: inside, name: each, above: place });
  }
  return first && { value: root.holder.value, path: wayTo(first) };
}

function wayTo(place: Place): readonly string[] {
  const path: string[] = [];
  for (let each = place; each.above; each = each.above) path.push(each.name);
  return path.reverse();
}
