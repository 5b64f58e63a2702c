export class YamlError extends Error {
  override readonly name = "YamlError";
  constructor(problem: string, line: number) {
    super(`line ${line}: ${problem}`);
  }
}

const [TAB, LF, CR, SPACE, NEL, LS, PS] = [9, 10, 13, 32, 0x85, 0x2028, 0x2029];
export const [HASH, COLON, BACKSLASH] = [35, 58, 92];
const [DASH, DOT] = [45, 46];

export const isSpace = (c: number) => c === SPACE;
export const isTab = (c: number) => c === TAB;
export const isBlank = (c: number) => c === SPACE || c === TAB;
export const isBreak = (c: number) => c === LF || c === CR || c === NEL || c === LS || c === PS;
/** YAML has no zero character, so it marks the end. */
export const isEnd = (c: number) => c === 0;
export const isBlankOrEnd = (c: number) => isBlank(c) || isBreak(c) || isEnd(c);

/** Line breaks and the end, as patterns write them. */
export const BREAK_OR_END = String.raw`\n\r\x85\u2028\u2029\0`;

/** Letters, digits, `_` and `-`. */
export const NAME = /[\w-]*/y;
export const REST_OF_LINE = new RegExp(`[^${BREAK_OR_END}]*`, "y");

/** The text between two comments may be indented with tabs: yaml.v3 looks this far ahead for the next comment. */
const NEXT_COMMENT = /[ \t\n\r\x85\u2028\u2029]{0,511}#/y;

/** A position in a text. */
export class Cursor {
  readonly text: string;
  at = 0;
  /** From 1. */
  line = 1;
  #lineStart = 0;

  constructor(text: string) {
    this.text = `${text}\0\0\0\0`;
  }

  get column(): number {
    return this.at - this.#lineStart;
  }

  code(ahead = 0): number {
    return this.text.charCodeAt(this.at + ahead);
  }

  fail(problem: string, line = this.line): never {
    throw new YamlError(problem, line);
  }

  /** Moves past the match of a sticky pattern at this position. The match must not contain line breaks. */
  skip(pattern: RegExp): void {
    pattern.lastIndex = this.at;
    if (pattern.test(this.text)) this.at = pattern.lastIndex;
  }

  /** @returns the blanks that it has passed. */
  takeBlanks(): string {
    const from = this.at;
    while (isBlank(this.code())) this.at++;
    return this.text.slice(from, this.at);
  }

  /** @returns the text that it has passed. */
  take(pattern: RegExp): string {
    const from = this.at;
    this.skip(pattern);
    return this.text.slice(from, this.at);
  }

  /** @returns how the line break counts in a scalar. */
  skipBreak(): string {
    const c = this.code();
    this.at += c === CR && this.code(1) === LF ? 2 : 1;
    this.line++;
    this.#lineStart = this.at;
    return c === LS || c === PS ? String.fromCharCode(c) : "\n";
  }

  /** Skips a comment and the comments that follow it. */
  skipComments(): void {
    for (;;) {
      this.skip(REST_OF_LINE);
      NEXT_COMMENT.lastIndex = this.at;
      if (!NEXT_COMMENT.test(this.text)) return;
      for (const next = NEXT_COMMENT.lastIndex - 1; this.at < next; ) {
        if (isBreak(this.code())) this.skipBreak();
        else this.at++;
      }
    }
  }

  /** Skips blanks, a comment and the line break. Nothing else is allowed there. */
  endLine(): void {
    this.takeBlanks();
    if (this.code() === HASH) this.skipComments();
    if (isBreak(this.code())) this.skipBreak();
    else if (!isEnd(this.code())) this.fail("did not find expected comment or line break");
  }

  isAtDocumentMark(): boolean {
    const c = this.code();
    if (this.column > 0 || (c !== DASH && c !== DOT)) return false;
    return this.code(1) === c && this.code(2) === c && isBlankOrEnd(this.code(3));
  }
}
