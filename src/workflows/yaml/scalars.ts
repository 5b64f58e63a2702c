import {
  BACKSLASH,
  BREAK_OR_END,
  COLON,
  type Cursor,
  HASH,
  isBlank,
  isBlankOrEnd,
  isBreak,
  isEnd,
  isSpace,
  isTab,
  REST_OF_LINE,
} from "./cursor.ts";

const WORDS_END = String.raw` \t${BREAK_OR_END}`;
const PLAIN_WORD = new RegExp(`[^:${WORDS_END}]*`, "y");
const PLAIN_WORD_IN_FLOW = new RegExp(String.raw`[^:,?[\]{}${WORDS_END}]*`, "y");
const SINGLE_QUOTED_WORD = new RegExp(`[^'${WORDS_END}]*`, "y");
const DOUBLE_QUOTED_WORD = new RegExp(String.raw`[^"\\${WORDS_END}]*`, "y");

/**
 * A scalar without quotes.
 * @param indent the indentation of its lines.
 */
export function plainScalar(
  c: Cursor,
  indent: number,
  isInFlow: boolean,
): { readonly value: string; readonly isLineBegun: boolean } {
  const { line } = c;
  const word = isInFlow ? PLAIN_WORD_IN_FLOW : PLAIN_WORD;
  const value = pieces();
  let between = "";
  let isLineBegun = false;
  while (!c.isAtDocumentMark() && c.code() !== HASH) {
    const from = c.at;
    for (c.skip(word); c.code() === COLON && !isBlankOrEnd(c.code(1)); c.skip(word)) c.at++;
    if (c.at > from) {
      value.add(between);
      value.add(c.text.slice(from, c.at));
      between = "";
      isLineBegun = false;
    }
    if (!isBlank(c.code()) && !isBreak(c.code())) break;
    const before = c.line;
    between = fold(c, { indent, line });
    isLineBegun = c.line > before;
    if (!isInFlow && c.column < indent) break;
  }
  return { value: value.together(), isLineBegun };
}

export function quotedScalar(c: Cursor): string {
  const { line } = c;
  const quote = c.code();
  const isDouble = c.text[c.at] === '"';
  const value = pieces();
  c.at++;
  for (;;) {
    if (c.isAtDocumentMark()) c.fail("found unexpected document indicator", line);
    if (isEnd(c.code())) c.fail("found unexpected end of stream", line);
    let isFolded = false;
    for (;;) {
      value.add(c.take(isDouble ? DOUBLE_QUOTED_WORD : SINGLE_QUOTED_WORD));
      if (!isDouble && c.code() === quote && c.code(1) === quote) {
        value.add("'");
        c.at += 2;
      } else if (!isDouble || c.code() !== BACKSLASH) break;
      else if (isBreak(c.code(1))) {
        c.at++;
        c.skipBreak();
        isFolded = true;
        break;
      } else value.add(unescaped(c, line));
    }
    if (c.code() === quote) break;
    value.add(fold(c, { isFolded, line }));
  }
  c.at++;
  return value.together();
}

/** The value of blanks and line breaks inside a scalar. */
function fold(
  c: Cursor,
  { isFolded = false, indent = 0, line }: { isFolded?: boolean; indent?: number; line: number },
) {
  const blanks = c.takeBlanks();
  if (!isFolded && !isBreak(c.code())) return blanks;
  const first = isFolded ? "" : c.skipBreak();
  const breaks = pieces();
  for (; isBlank(c.code()) || isBreak(c.code()); ) {
    if (isBreak(c.code())) breaks.add(c.skipBreak());
    else if (isTab(c.code()) && c.column < indent) c.fail("found a tab character that violates indentation", line);
    else c.at++;
  }
  const rest = breaks.together();
  return first === "\n" ? rest || " " : first + rest;
}

const ESCAPES: Readonly<Record<string, string>> = {
  ...{ 0: "\0", a: "\x07", b: "\b", t: "\t", "\t": "\t", n: "\n", v: "\v", f: "\f", r: "\r", e: "\x1b", " ": " " },
  ...{ '"': '"', "'": "'", "\\": "\\", N: "\x85", _: "\xa0", L: "\u2028", P: "\u2029" },
};
const HEX_DIGITS: Readonly<Record<string, number>> = { x: 2, u: 4, U: 8 };

function unescaped(c: Cursor, line: number): string {
  const name = c.text[c.at + 1] as string;
  c.at += 2;
  const count = HEX_DIGITS[name];
  if (count === undefined) {
    return Object.hasOwn(ESCAPES, name) ? (ESCAPES[name] as string) : c.fail("found unknown escape character", line);
  }
  const digits = c.text.slice(c.at, c.at + count);
  if (!/^[0-9a-f]+$/i.test(digits) || digits.length < count) c.fail("did not find expected hexdecimal number", line);
  c.at += count;
  const point = Number.parseInt(digits, 16);
  if (point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff)) {
    c.fail("found invalid Unicode character escape code", line);
  }
  return String.fromCodePoint(point);
}

/**
 * A scalar in the lines after `|` or `>`.
 * @param least the minimum indentation of its lines.
 */
export function blockScalar(c: Cursor, least: number): string {
  const { line } = c;
  const isLiteral = c.text[c.at] === "|";
  c.at++;
  const header = /^([+-]?)([1-9]?)([+-]?)$/.exec(c.take(/[\d+-]*/y));
  if (!header || (header[1] && header[3])) c.fail("did not find expected comment or line break");
  const chomping = header[1] || header[3];
  c.endLine();

  const value = pieces();
  let lineBreak = "";
  let wasBlank = false;
  let [indent, breaks] = skipEmptyLines(c, header[2] ? Math.max(least - 1, 0) + Number(header[2]) : 0, least, line);
  while (c.column === indent && !isEnd(c.code())) {
    const blank = isBlank(c.code());
    if (!isLiteral && lineBreak === "\n" && !wasBlank && !blank) value.add(breaks === "" ? " " : "");
    else value.add(lineBreak);
    value.add(breaks);
    wasBlank = blank;
    value.add(c.take(REST_OF_LINE));
    lineBreak = isEnd(c.code()) ? "" : c.skipBreak();
    [indent, breaks] = skipEmptyLines(c, indent, least, line);
  }
  if (chomping !== "-") value.add(lineBreak);
  if (chomping === "+") value.add(breaks);
  return value.together();
}

/** Skips indentation and empty lines. If no indentation is given, the first line that is not empty defines it. */
function skipEmptyLines(c: Cursor, given: number, least: number, line: number): [indent: number, breaks: string] {
  const breaks = pieces();
  let deepest = 0;
  for (;;) {
    while (isSpace(c.code()) && (given === 0 || c.column < given)) c.at++;
    deepest = Math.max(deepest, c.column);
    if (isTab(c.code()) && (given === 0 || c.column < given)) {
      c.fail("found a tab character where an indentation space is expected", line);
    }
    if (!isBreak(c.code())) break;
    breaks.add(c.skipBreak());
  }
  return [given || Math.max(deepest, least, 1), breaks.together()];
}

/**
 * A text built from pieces. V8 keeps each `+` as an object of 32 bytes until the text is read. With it, 4.5 MB of
 * `"\x41"` or of lines with one letter took more than 48 MB.
 */
function pieces(): { add(piece: string): void; together(): string } {
  const few: string[] = [];
  let joined = "";
  return {
    add(piece) {
      if (piece === "" || few.push(piece) < MAX_LOOSE_PIECES) return;
      joined += few.join("");
      few.length = 0;
    },
    together: () => (few.length === 1 ? joined + few[0] : joined + few.join("")),
  };
}

const MAX_LOOSE_PIECES = 1000;
