/**
 * YAML's characters as tokens, by the rules of libyaml (https://github.com/yaml/libyaml, MIT), whose words its errors have:
 * yaml.v3, Helm, kubectl and ArgoCD follow them. They differ from the specification, and from what JavaScript's parsers
 * read: a closing bracket may stand under its key, a quoted text may continue in any column, and tabs are blanks in more
 * places. test/yaml-peer.test.ts compares with yaml.v3 itself.
 */

export type Token = {
  readonly type: TokenType;
  /** The text of a scalar, the name of an anchor or alias, the handle of a tag. */
  readonly value: string;
  /** Of a scalar: written without quotes and not as a block. */
  readonly isPlain: boolean;
  /** Of a tag: what follows the handle; of a %TAG directive: its prefix. */
  readonly suffix: string;
  /** From 1. */
  readonly line: number;
};

type TokenType =
  | "stream end"
  | "%YAML"
  | "%TAG"
  | "---"
  | "..."
  | "block sequence"
  | "block mapping"
  | "block end"
  | "["
  | "]"
  | "{"
  | "}"
  | "-"
  | ","
  | "key"
  | "value"
  | "alias"
  | "anchor"
  | "tag"
  | "scalar";

export class YamlError extends Error {
  override readonly name = "YamlError";
  constructor(problem: string, line: number) {
    super(`line ${line}: ${problem}`);
  }
}

/** A token that becomes the key of a mapping if a colon follows it. */
type PossibleKey = {
  possible: boolean;
  /** Nothing but a key may stand here. */
  readonly isRequired: boolean;
  /** Number of the token in the stream. */
  readonly token: number;
  readonly at: number;
  readonly line: number;
  readonly column: number;
};

/** yaml.v3 gives up beyond this, too. */
const MAX_DEPTH = 10_000;

const MAX_BETWEEN_COMMENTS = 511;

/** A key without `?` is at most so long. */
const MAX_KEY_CHARACTERS = 1024;

const [TAB, LF, CR, SPACE, NEL, LS, PS] = [9, 10, 13, 32, 0x85, 0x2028, 0x2029];
const code = (character: string) => character.charCodeAt(0);
const [QUOTE, APOSTROPHE, BACKSLASH, HASH, COLON, DASH, DOT, QUESTION, PERCENT, BANG] = [..."\"'\\#:-.?%!"].map(
  code,
) as [number, number, number, number, number, number, number, number, number, number];

const isBlank = (c: number) => c === SPACE || c === TAB;
const isBreak = (c: number) => c === LF || c === CR || c === NEL || c === LS || c === PS;
const isEnd = (c: number) => c === 0;
const isBreakOrEnd = (c: number) => isBreak(c) || isEnd(c);
const isBlankOrEnd = (c: number) => isBlank(c) || isBreakOrEnd(c);
/** Of names: letters, digits, `_` and `-`. */
const isWord = (c: number) =>
  (c >= 48 && c <= 57) || (c >= 65 && c <= 90) || (c >= 97 && c <= 122) || c === 95 || c === 45;
const isDigit = (c: number) => c >= 48 && c <= 57;

/** A set of ASCII characters, asked for by their code. */
function oneOf(characters: string): (c: number) => boolean {
  const has = new Uint8Array(128);
  for (const character of characters) has[code(character)] = 1;
  return (c) => c < 128 && has[c] === 1;
}
const startsNoPlain = oneOf("-?:,[]{}#&*!|>'\"%@`");
const endsFlowPlain = oneOf(",?[]{}");
const followsName = oneOf("?:,]}%@`");
const isOfUri = oneOf(";/?:@&=+$,.!~*'()[]%");

const ESCAPES: Readonly<Record<string, string>> = {
  ...{ 0: "\0", a: "\x07", b: "\b", t: "\t", "\t": "\t", n: "\n", v: "\v", f: "\f", r: "\r", e: "\x1b", " ": " " },
  ...{ '"': '"', "'": "'", "\\": "\\", N: "\x85", _: "\xa0", L: "\u2028", P: "\u2029" },
};
const HEX_DIGITS: Readonly<Record<string, number>> = { x: 2, u: 4, U: 8 };

/** The tokens of a text, made as they are asked for: what is beyond the last one that was is not looked at. */
export class Tokens {
  readonly #text: string;
  #at = 0;
  #line = 1;
  #lineStart = 0;
  /** Characters beyond the first 65,536 of Unicode take two places in a text, and one column. */
  #wide = 0;
  readonly #queue: Token[] = [];
  #head = 0;
  /** How many tokens were taken. */
  #taken = 0;
  #indent = -1;
  readonly #indents: number[] = [];
  #flow = 0;
  #mayBeKey = true;
  /** One for each level of brackets. */
  readonly #keys: PossibleKey[] = [{ possible: false, isRequired: false, token: 0, at: 0, line: 0, column: 0 }];
  readonly #keyByToken = new Map<number, PossibleKey>();
  #isOver = false;

  constructor(text: string) {
    this.#text = `${text}\0\0\0\0`;
  }

  /** @throws YamlError */
  peek(): Token {
    while (this.#head === this.#queue.length || this.#headMayBeKey()) this.#fetch();
    return this.#queue[this.#head] as Token;
  }

  skip(): void {
    this.#taken++;
    this.#head++;
    if (this.#head === this.#queue.length) {
      this.#queue.length = 0;
      this.#head = 0;
    }
  }

  /** Counts the second half of a character that takes two places. */
  #countWide(c: number): void {
    if ((c & 0xfc00) === 0xdc00) this.#wide++;
  }

  #code(ahead = 0): number {
    return this.#text.charCodeAt(this.#at + ahead);
  }

  get #column(): number {
    return this.#at - this.#wide - this.#lineStart;
  }

  #fail(problem: string, line = this.#line): never {
    throw new YamlError(problem, line);
  }

  #add(type: TokenType, { value = "", isPlain = false, suffix = "", line = this.#line }: Partial<Token> = {}): void {
    this.#queue.push({ type, value, isPlain, suffix, line });
  }

  #insert(type: TokenType, token: number, line: number): void {
    this.#queue.splice(this.#head + token - this.#taken, 0, { type, value: "", isPlain: false, suffix: "", line });
  }

  // What may become a key.

  #headMayBeKey(): boolean {
    const key = this.#keyByToken.get(this.#taken);
    return key !== undefined && this.#isStillPossible(key);
  }

  #isStillPossible(key: PossibleKey): boolean {
    if (!key.possible) return false;
    if (key.line === this.#line && key.at + MAX_KEY_CHARACTERS >= this.#at - this.#wide) return true;
    this.#giveUp(key);
    return false;
  }

  #giveUp(key: PossibleKey): void {
    if (!key.possible) return;
    if (key.isRequired) this.#fail("could not find expected ':'", key.line);
    key.possible = false;
    this.#keyByToken.delete(key.token);
  }

  get #key(): PossibleKey {
    return this.#keys[this.#keys.length - 1] as PossibleKey;
  }

  #saveKey(): void {
    if (!this.#mayBeKey) return;
    this.#giveUp(this.#key);
    const key: PossibleKey = {
      possible: true,
      isRequired: this.#flow === 0 && this.#indent === this.#column,
      token: this.#taken + this.#queue.length - this.#head,
      at: this.#at - this.#wide,
      line: this.#line,
      column: this.#column,
    };
    this.#keys[this.#keys.length - 1] = key;
    this.#keyByToken.set(key.token, key);
  }

  // Indentation.

  #indentTo(column: number, type: TokenType, token: number | undefined, line: number): void {
    if (this.#flow > 0 || this.#indent >= column) return;
    this.#indents.push(this.#indent);
    this.#indent = column;
    if (this.#indents.length > MAX_DEPTH) this.#fail(`exceeded max depth of ${MAX_DEPTH}`);
    if (token === undefined) this.#add(type, { line });
    else this.#insert(type, token, line);
  }

  #outdentTo(column: number): void {
    if (this.#flow > 0) return;
    while (this.#indent > column) {
      this.#add("block end");
      this.#indent = this.#indents.pop() as number;
    }
  }

  // One token, or the few that one character means.

  #fetch(): void {
    if (this.#isOver) this.#fail("did not find expected node content");
    this.#skipToToken();
    this.#outdentTo(this.#column);
    const c = this.#code();
    if (isEnd(c)) this.#end();
    else if (this.#column === 0 && c === PERCENT) this.#directive();
    else if (this.#column === 0 && this.#isDocumentMark()) this.#documentMark(c === DASH ? "---" : "...");
    else if (!this.#byIndicator(c)) {
      const isFollowed = isBlankOrEnd(this.#code(1));
      const mayBePlain =
        !(isBlankOrEnd(c) || startsNoPlain(c)) ||
        (c === DASH && !isBlank(this.#code(1))) ||
        (this.#flow === 0 && (c === QUESTION || c === COLON) && !isFollowed);
      if (!mayBePlain) this.#fail("found character that cannot start any token");
      this.#plainScalar();
    }
  }

  /** @returns whether this character begins anything but a plain scalar here. */
  #byIndicator(c: number): boolean {
    const character = this.#text[this.#at];
    const isFollowed = isBlankOrEnd(this.#code(1));
    if (character === "[" || character === "{") this.#open(character);
    else if (character === "]" || character === "}") this.#close(character);
    else if (character === ",") {
      this.#giveUp(this.#key);
      this.#indicator(",", true);
    } else if (character === "-" && isFollowed) this.#entry();
    else if (character === "?" && (this.#flow > 0 || isFollowed)) this.#explicitKey();
    else if (character === ":" && (this.#flow > 0 || isFollowed)) this.#value();
    else if (character === "*") this.#name("alias");
    else if (character === "&") this.#name("anchor");
    else if (character === "!") this.#tag();
    else if ((character === "|" || character === ">") && this.#flow === 0) this.#blockScalar(character === "|");
    else if (character === "'" || character === '"') this.#quotedScalar(c);
    else return false;
    return true;
  }

  #skipToToken(): void {
    for (;;) {
      while (this.#code() === SPACE || (this.#code() === TAB && (this.#flow > 0 || !this.#mayBeKey))) this.#at++;
      if (this.#code() === HASH) this.#skipComment();
      if (!isBreak(this.#code())) return;
      this.#skipLine();
      if (this.#flow === 0) this.#mayBeKey = true;
    }
  }

  /** Skips comments. What lies between two of them may be indented with tabs: yaml.v3 looks so far ahead for the next. */
  #skipComment(): void {
    for (;;) {
      while (!isBreakOrEnd(this.#code())) this.#at++;
      let ahead = 0;
      while (ahead < MAX_BETWEEN_COMMENTS && (isBlank(this.#code(ahead)) || isBreak(this.#code(ahead)))) ahead++;
      if (this.#code(ahead) !== HASH) return;
      for (const next = this.#at + ahead; this.#at < next; ) {
        if (isBreak(this.#code())) this.#skipLine();
        else this.#at++;
      }
    }
  }

  /** @returns how the line break counts in a scalar. */
  #skipLine(): string {
    const c = this.#code();
    this.#at += c === CR && this.#code(1) === LF ? 2 : 1;
    this.#line++;
    this.#lineStart = this.#at;
    this.#wide = 0;
    return c === LS ? "\u2028" : c === PS ? "\u2029" : "\n";
  }

  #end(): void {
    this.#outdentTo(-1);
    this.#giveUp(this.#key);
    this.#mayBeKey = false;
    this.#isOver = true;
    this.#add("stream end");
  }

  #isDocumentMark(): boolean {
    const c = this.#code();
    if (c !== DASH && c !== DOT) return false;
    return this.#code(1) === c && this.#code(2) === c && isBlankOrEnd(this.#code(3));
  }

  #documentMark(type: "---" | "..."): void {
    this.#outdentTo(-1);
    this.#giveUp(this.#key);
    this.#mayBeKey = false;
    this.#add(type);
    this.#at += 3;
  }

  #indicator(type: TokenType, mayBeKey: boolean): void {
    this.#mayBeKey = mayBeKey;
    this.#add(type);
    this.#at++;
  }

  #open(type: "[" | "{"): void {
    this.#saveKey();
    this.#keys.push({ possible: false, isRequired: false, token: -1, at: 0, line: 0, column: 0 });
    this.#flow++;
    if (this.#flow > MAX_DEPTH) this.#fail(`exceeded max depth of ${MAX_DEPTH}`);
    this.#indicator(type, true);
  }

  #close(type: "]" | "}"): void {
    this.#giveUp(this.#key);
    if (this.#flow > 0) {
      this.#flow--;
      this.#keys.pop();
    }
    this.#indicator(type, false);
  }

  #entry(): void {
    if (this.#flow === 0) {
      if (!this.#mayBeKey) this.#fail("block sequence entries are not allowed in this context");
      this.#indentTo(this.#column, "block sequence", undefined, this.#line);
    }
    this.#giveUp(this.#key);
    this.#indicator("-", true);
  }

  #explicitKey(): void {
    if (this.#flow === 0) {
      if (!this.#mayBeKey) this.#fail("mapping keys are not allowed in this context");
      this.#indentTo(this.#column, "block mapping", undefined, this.#line);
    }
    this.#giveUp(this.#key);
    this.#indicator("key", this.#flow === 0);
  }

  #value(): void {
    const key = this.#key;
    if (this.#isStillPossible(key)) {
      this.#insert("key", key.token, key.line);
      this.#indentTo(key.column, "block mapping", key.token, key.line);
      key.possible = false;
      this.#keyByToken.delete(key.token);
      this.#indicator("value", false);
      return;
    }
    if (this.#flow === 0) {
      if (!this.#mayBeKey) this.#fail("mapping values are not allowed in this context");
      this.#indentTo(this.#column, "block mapping", undefined, this.#line);
    }
    this.#indicator("value", this.#flow === 0);
  }

  // Names, tags and directives.

  #takeWhile(test: (c: number) => boolean): string {
    const from = this.#at;
    while (test(this.#code())) this.#at++;
    return this.#text.slice(from, this.#at);
  }

  #name(type: "alias" | "anchor"): void {
    this.#saveKey();
    this.#mayBeKey = false;
    this.#at++;
    const value = this.#takeWhile(isWord);
    const c = this.#code();
    if (value === "" || !(isBlankOrEnd(c) || followsName(c))) {
      this.#fail("did not find expected alphabetic or numeric character");
    }
    this.#add(type, { value });
  }

  #tag(): void {
    this.#saveKey();
    this.#mayBeKey = false;
    let value = "";
    let suffix: string;
    if (this.#text[this.#at + 1] === "<") {
      this.#at += 2;
      suffix = this.#uri();
      if (this.#text[this.#at] !== ">") this.#fail("did not find the expected '>'");
      this.#at++;
    } else {
      const handle = this.#handle();
      if (handle.length > 1 && handle.endsWith("!")) {
        value = handle;
        suffix = this.#uri();
      } else {
        suffix = handle.slice(1) + this.#takeWhile((c) => isWord(c) || isOfUri(c));
        // A single "!" is a tag in itself.
        if (suffix === "") suffix = "!";
        else value = "!";
      }
    }
    if (!isBlankOrEnd(this.#code())) this.#fail("did not find expected whitespace or line break");
    this.#add("tag", { value, suffix });
  }

  #handle(): string {
    if (this.#code() !== BANG) this.#fail("did not find expected '!'");
    this.#at++;
    const name = this.#takeWhile(isWord);
    if (this.#code() !== BANG) return `!${name}`;
    this.#at++;
    return `!${name}!`;
  }

  #uri(): string {
    const uri = this.#takeWhile((c) => isWord(c) || isOfUri(c));
    if (uri === "") this.#fail("did not find expected tag URI");
    return uri;
  }

  #directive(): void {
    this.#outdentTo(-1);
    this.#giveUp(this.#key);
    this.#mayBeKey = false;
    this.#at++;
    const name = this.#takeWhile(isWord);
    this.#takeWhile(isBlank);
    if (name === "YAML") {
      // yaml.v3 reads 1.1 alone; what others write says 1.2 and means the same.
      if (!/^\d+\.\d+$/.test(this.#takeWhile((c) => isDigit(c) || c === DOT))) {
        this.#fail("did not find expected version number");
      }
      this.#add("%YAML");
    } else if (name === "TAG") {
      const value = this.#handle();
      if (this.#takeWhile(isBlank) === "") this.#fail("did not find expected whitespace");
      this.#add("%TAG", { value, suffix: this.#uri() });
    } else this.#fail("found unknown directive name");
    this.#endOfLine();
  }

  #endOfLine(): void {
    this.#takeWhile(isBlank);
    if (this.#code() === HASH) this.#skipComment();
    if (!isBreakOrEnd(this.#code())) this.#fail("did not find expected comment or line break");
    if (isBreak(this.#code())) this.#skipLine();
  }

  // Scalars.

  #blockScalar(isLiteral: boolean): void {
    this.#giveUp(this.#key);
    this.#mayBeKey = true;
    const line = this.#line;
    this.#at++;
    const header = this.#takeWhile((c) => isDigit(c) || c === code("+") || c === DASH);
    const [, before = "", digit = "", after = ""] = /^([+-]?)([1-9]?)([+-]?)$/.exec(header) ?? this.#fail(BAD_HEADER);
    if (before !== "" && after !== "") this.#fail(BAD_HEADER);
    const chomping = before || after;
    this.#endOfLine();

    let indent = digit === "" ? 0 : Math.max(this.#indent, 0) + Number(digit);
    const value = pieces();
    let lineBreak = "";
    let wasBlank = false;
    let breaks: string;
    [indent, breaks] = this.#blockBreaks(indent, line);
    while (this.#column === indent && !isEnd(this.#code())) {
      const blank = isBlank(this.#code());
      if (!isLiteral && lineBreak === "\n" && !wasBlank && !blank) value.add(breaks === "" ? " " : "");
      else value.add(lineBreak);
      value.add(breaks);
      wasBlank = blank;
      value.add(this.#restOfLine());
      lineBreak = isEnd(this.#code()) ? "" : this.#skipLine();
      [indent, breaks] = this.#blockBreaks(indent, line);
    }
    if (chomping !== "-") value.add(lineBreak);
    if (chomping === "+") value.add(breaks);
    this.#add("scalar", { value: value.together(), line });
  }

  /** Skips indentation and empty lines. The first line that is not empty gives the indentation, where none is given. */
  #blockBreaks(given: number, line: number): [indent: number, breaks: string] {
    const breaks = pieces();
    let deepest = 0;
    for (;;) {
      while ((given === 0 || this.#column < given) && this.#code() === SPACE) this.#at++;
      deepest = Math.max(deepest, this.#column);
      if ((given === 0 || this.#column < given) && this.#code() === TAB) {
        this.#fail("found a tab character where an indentation space is expected", line);
      }
      if (!isBreak(this.#code())) break;
      breaks.add(this.#skipLine());
    }
    return [given === 0 ? Math.max(deepest, this.#indent + 1, 1) : given, breaks.together()];
  }

  #restOfLine(): string {
    return this.#takeWhile((c) => !isBreakOrEnd(c));
  }

  #quotedScalar(quote: number): void {
    this.#saveKey();
    this.#mayBeKey = false;
    const line = this.#line;
    this.#at++;
    const value = pieces();
    for (;;) {
      if (this.#column === 0 && this.#isDocumentMark()) this.#fail("found unexpected document indicator", line);
      if (isEnd(this.#code())) this.#fail("found unexpected end of stream", line);
      let isFolded = false;
      for (let c = this.#code(); !isBlankOrEnd(c); c = this.#code()) {
        if (c === quote && !(quote === APOSTROPHE && this.#code(1) === APOSTROPHE)) break;
        if (c === APOSTROPHE && quote === APOSTROPHE) {
          value.add("'");
          this.#at += 2;
        } else if (c === BACKSLASH && quote === QUOTE) {
          if (isBreak(this.#code(1))) {
            this.#at++;
            this.#skipLine();
            isFolded = true;
            break;
          }
          value.add(this.#escape(line));
        } else {
          const from = this.#at;
          while (!isBlankOrEnd(c) && c !== quote && c !== BACKSLASH) {
            this.#countWide(c);
            this.#at++;
            c = this.#code();
          }
          // A backslash between single quotes is one.
          if (this.#at === from) this.#at++;
          value.add(this.#text.slice(from, this.#at));
        }
      }
      if (this.#code() === quote) break;
      value.add(this.#fold(isFolded));
    }
    this.#at++;
    this.#add("scalar", { value: value.together(), line });
  }

  #escape(line: number): string {
    const name = this.#text[this.#at + 1] as string;
    const digits = HEX_DIGITS[name];
    if (digits === undefined) {
      if (!Object.hasOwn(ESCAPES, name)) this.#fail("found unknown escape character", line);
      this.#at += 2;
      return ESCAPES[name] as string;
    }
    const hex = this.#text.slice(this.#at + 2, this.#at + 2 + digits);
    if (!/^[0-9a-fA-F]+$/.test(hex) || hex.length < digits) {
      this.#fail("did not find expected hexdecimal number", line);
    }
    const point = Number.parseInt(hex, 16);
    if (point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff)) {
      this.#fail("found invalid Unicode character escape code", line);
    }
    this.#at += 2 + digits;
    return String.fromCodePoint(point);
  }

  /** What blanks and line breaks inside a scalar come to. */
  #fold(isFolded: boolean, checkTab: () => void = () => {}): string {
    const from = this.#at;
    let first = "";
    const breaks = pieces();
    let hasBreak = isFolded;
    for (let c = this.#code(); isBlank(c) || isBreak(c); c = this.#code()) {
      if (isBlank(c)) {
        if (hasBreak) checkTab();
        this.#at++;
      } else if (hasBreak) breaks.add(this.#skipLine());
      else {
        first = this.#skipLine();
        hasBreak = true;
      }
    }
    if (!hasBreak) return this.#text.slice(from, this.#at);
    const rest = breaks.together();
    if (first !== "\n") return first + rest;
    return rest === "" ? " " : rest;
  }

  #plainScalar(): void {
    this.#saveKey();
    this.#mayBeKey = false;
    const line = this.#line;
    const indent = this.#indent + 1;
    const value = pieces();
    let between = "";
    let isAfterBreak = false;
    const checkTab = () => {
      if (this.#column < indent && this.#code() === TAB) {
        this.#fail("found a tab character that violates indentation", line);
      }
    };
    for (;;) {
      if (this.#column === 0 && this.#isDocumentMark()) break;
      if (this.#code() === HASH) break;
      const from = this.#at;
      for (let c = this.#code(); !isBlankOrEnd(c); c = this.#code()) {
        if (c === COLON && isBlankOrEnd(this.#code(1))) break;
        if (this.#flow > 0 && endsFlowPlain(c)) break;
        this.#countWide(c);
        this.#at++;
      }
      if (this.#at > from) {
        value.add(between);
        value.add(this.#text.slice(from, this.#at));
        between = "";
        isAfterBreak = false;
      }
      if (!isBlank(this.#code()) && !isBreak(this.#code())) break;
      const before = this.#line;
      between = this.#fold(false, checkTab);
      isAfterBreak = this.#line > before;
      if (this.#flow === 0 && this.#column < indent) break;
    }
    this.#add("scalar", { value: value.together(), isPlain: true, line });
    if (isAfterBreak) this.#mayBeKey = true;
  }
}

/**
 * A text that is put together. V8 keeps each `+` as an object of 32 bytes until the text is read: 4.5 MB of `"\x41"` or of
 * lines with one letter took more than 48 MB.
 */
function pieces(): { add(piece: string): void; together(): string } {
  let few: string[] | undefined;
  let joined: string[] | undefined;
  let only = "";
  return {
    add(piece) {
      if (piece === "") return;
      if (only === "") {
        only = piece;
        return;
      }
      few ??= [only];
      few.push(piece);
      if (few.length < MAX_LOOSE_PIECES) return;
      joined ??= [];
      joined.push(few.join(""));
      few = [];
    },
    together: () => (few === undefined ? only : [...(joined ?? []), ...few].join("")),
  };
}

const MAX_LOOSE_PIECES = 1000;

const BAD_HEADER = "did not find expected comment or line break";
