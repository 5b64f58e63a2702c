import { BREAK_OR_END, Cursor, HASH, isBlank, isBlankOrEnd, isBreak, isEnd, isSpace, NAME } from "./cursor.ts";
import { blockScalar, plainScalar, quotedScalar } from "./scalars.ts";
import { directive, tag } from "./tags.ts";

/**
 * Splits YAML into tokens by the rules of libyaml (https://github.com/yaml/libyaml, MIT), and uses its error messages.
 * yaml.v3, Helm, kubectl and ArgoCD follow the same rules. They differ from the specification and from JavaScript's
 * parsers: a closing bracket may stand under its key, a quoted text may continue in any column, and tabs are blanks in
 * more places. test/peers/yaml.test.ts compares with yaml.v3 itself.
 */

export type Token = {
  readonly type: TokenType;
  /** The text of a scalar, the name of an anchor or alias, or the handle of a tag. */
  readonly value: string;
  /** For a scalar: written without quotes and not as a block. */
  readonly isPlain: boolean;
  /** For a tag: the text after the handle. For a %TAG directive: its prefix. */
  readonly suffix: string;
  /** From 1. */
  readonly line: number;
};

type TokenType =
  | ("stream end" | "%YAML" | "%TAG" | "---" | "..." | "block sequence" | "block mapping" | "block end")
  | ("[" | "]" | "{" | "}" | "-" | "," | "key" | "value" | "alias" | "anchor" | "tag" | "scalar");

/** A token that becomes the key of a mapping if a colon follows it. */
type PossibleKey = {
  possible: boolean;
  /** Only a key is allowed here. */
  readonly isRequired: boolean;
  /** Number of the token in the stream. */
  readonly token: number;
  readonly at: number;
  readonly line: number;
  readonly column: number;
};

const NO_KEY: PossibleKey = { possible: false, isRequired: false, token: -1, at: 0, line: 0, column: 0 };

/** yaml.v3 has the same limit. */
const MAX_DEPTH = 10_000;

/** The maximum length of a key without `?`. */
const MAX_KEY_CHARACTERS = 1024;

const AFTER_NAME = new RegExp(`[?:,\\]}%@\` \\t${BREAK_OR_END}]`);
const STARTS_NO_PLAIN = ",[]{}#&*!|>'\"%@`";

const NOT_HERE = { "-": "block sequence entries", key: "mapping keys", value: "mapping values" };

/** The tokens of a text, read on demand. Text after the last requested token is not examined. */
export class Tokens {
  readonly #c: Cursor;
  readonly #queue: Token[] = [];
  #head = 0;
  /** How many tokens were taken. */
  #taken = 0;
  #indent = -1;
  readonly #indents: number[] = [];
  /** Whether a key, or a list without brackets, may begin here. */
  #mayBeKey = true;
  /** One for each level of brackets, and one for the outside. */
  readonly #keys: PossibleKey[] = [NO_KEY];
  readonly #keyByToken = new Map<number, PossibleKey>();
  #isOver = false;
  /** Whether some character takes two places in the text. */
  readonly #hasWide: boolean;

  constructor(text: string) {
    this.#c = new Cursor(text);
    this.#hasWide = /[\ud800-\udfff]/.test(text);
  }

  /** @throws YamlError */
  peek(): Token {
    while (this.#head === this.#queue.length || this.#isStillPossible(this.#keyByToken.get(this.#taken))) this.#fetch();
    return this.#queue[this.#head] as Token;
  }

  skip(): void {
    this.#taken++;
    this.#head++;
    if (this.#head < this.#queue.length) return;
    this.#queue.length = 0;
    this.#head = 0;
  }

  #add(type: TokenType, { value = "", isPlain = false, suffix = "", line = this.#c.line }: Partial<Token> = {}): void {
    this.#queue.push({ type, value, isPlain, suffix, line });
  }

  #insert(type: TokenType, { token, line }: PossibleKey): void {
    this.#queue.splice(this.#head + token - this.#taken, 0, { type, value: "", isPlain: false, suffix: "", line });
  }

  get #isInFlow(): boolean {
    return this.#keys.length > 1;
  }

  get #key(): PossibleKey {
    return this.#keys[this.#keys.length - 1] as PossibleKey;
  }

  #isStillPossible(key: PossibleKey | undefined): key is PossibleKey {
    if (!key?.possible) return false;
    if (key.line === this.#c.line && this.#charactersSince(key.at) <= MAX_KEY_CHARACTERS) return true;
    this.#giveUp(key);
    return false;
  }

  #charactersSince(from: number): number {
    const { text, at } = this.#c;
    const isSure = !this.#hasWide || at - from <= MAX_KEY_CHARACTERS || at - from > 2 * MAX_KEY_CHARACTERS;
    return isSure ? at - from : [...text.slice(from, at)].length;
  }

  #giveUp(key = this.#key): void {
    if (!key.possible) return;
    if (key.isRequired) this.#c.fail("could not find expected ':'", key.line);
    this.#forget(key);
  }

  #forget(key: PossibleKey): void {
    key.possible = false;
    this.#keyByToken.delete(key.token);
  }

  /** Notes that the next token may become a key. */
  #saveKey(): void {
    if (!this.#mayBeKey) return;
    this.#giveUp();
    const { at, line, column } = this.#c;
    const isRequired = !this.#isInFlow && this.#indent === column;
    const token = this.#taken + this.#queue.length - this.#head;
    const key = { possible: true, isRequired, token, at, line, column };
    this.#keys[this.#keys.length - 1] = key;
    this.#keyByToken.set(token, key);
    this.#mayBeKey = false;
  }

  #indentTo(column: number, type: "block sequence" | "block mapping", before?: PossibleKey): void {
    if (this.#isInFlow || this.#indent >= column) return;
    this.#indents.push(this.#indent);
    this.#indent = column;
    if (this.#indents.length > MAX_DEPTH) this.#c.fail(`exceeded max depth of ${MAX_DEPTH}`);
    if (before) this.#insert(type, before);
    else this.#add(type);
  }

  #outdentTo(column: number): void {
    if (this.#isInFlow) return;
    while (this.#indent > column) {
      this.#add("block end");
      this.#indent = this.#indents.pop() as number;
    }
  }

  /** The end of a document ends everything in it. */
  #endAll(): void {
    this.#outdentTo(-1);
    this.#giveUp();
    this.#mayBeKey = false;
  }

  /** Reads one token, or several if one character stands for several. */
  #fetch(): void {
    const c = this.#c;
    if (this.#isOver) c.fail("did not find expected node content");
    this.#skipToToken();
    this.#outdentTo(c.column);
    if (isEnd(c.code())) {
      this.#endAll();
      this.#isOver = true;
      this.#add("stream end");
    } else if (c.column === 0 && c.text[c.at] === "%") this.#directive();
    else if (c.isAtDocumentMark()) {
      this.#endAll();
      this.#add(c.text[c.at] === "-" ? "---" : "...");
      c.at += 3;
    } else this.#byCharacter(c.text[c.at] as string);
  }

  #skipToToken(): void {
    const c = this.#c;
    for (;;) {
      const isGap = this.#isInFlow || !this.#mayBeKey ? isBlank : isSpace;
      while (isGap(c.code())) c.at++;
      if (c.code() === HASH) c.skipComments();
      if (!isBreak(c.code())) return;
      c.skipBreak();
      if (!this.#isInFlow) this.#mayBeKey = true;
    }
  }

  #byCharacter(character: string): void {
    const isInFlow = this.#isInFlow;
    const isFollowed = isBlankOrEnd(this.#c.code(1));
    if (character === "[" || character === "{") this.#open(character);
    else if (character === "]" || character === "}") this.#close(character);
    else if (character === ",") {
      this.#giveUp();
      this.#indicator(",", true);
    } else if (character === "-" && isFollowed) this.#begin("-");
    else if (character === "?" && (isInFlow || isFollowed)) this.#begin("key");
    else if (character === ":" && (isInFlow || isFollowed)) this.#value();
    else if (character === "*") this.#name("alias");
    else if (character === "&") this.#name("anchor");
    else if (character === "!") {
      this.#saveKey();
      this.#add("tag", tag(this.#c));
    } else if (character === "'" || character === '"') this.#quotedScalar();
    else if ((character === "|" || character === ">") && !isInFlow) this.#blockScalar();
    else if (isBlank(this.#c.code()) || STARTS_NO_PLAIN.includes(character)) {
      this.#c.fail("found character that cannot start any token");
    } else this.#plainScalar();
  }

  #indicator(type: TokenType, mayBeKey: boolean): void {
    this.#mayBeKey = mayBeKey;
    this.#add(type);
    this.#c.at++;
  }

  #open(type: "[" | "{"): void {
    this.#saveKey();
    this.#keys.push(NO_KEY);
    if (this.#keys.length - 1 > MAX_DEPTH) this.#c.fail(`exceeded max depth of ${MAX_DEPTH}`);
    this.#indicator(type, true);
  }

  #close(type: "]" | "}"): void {
    this.#giveUp();
    if (this.#isInFlow) this.#keys.pop();
    this.#indicator(type, false);
  }

  #begin(type: "-" | "key" | "value"): void {
    if (!this.#isInFlow) {
      if (!this.#mayBeKey) this.#c.fail(`${NOT_HERE[type]} are not allowed in this context`);
      this.#indentTo(this.#c.column, type === "-" ? "block sequence" : "block mapping");
    }
    this.#giveUp();
    this.#indicator(type, type === "-" || !this.#isInFlow);
  }

  #value(): void {
    const key = this.#key;
    if (!this.#isStillPossible(key)) {
      this.#begin("value");
      return;
    }
    this.#insert("key", key);
    this.#indentTo(key.column, "block mapping", key);
    this.#forget(key);
    this.#indicator("value", false);
  }

  #name(type: "alias" | "anchor"): void {
    this.#saveKey();
    this.#c.at++;
    const value = this.#c.take(NAME);
    if (value === "" || !AFTER_NAME.test(this.#c.text[this.#c.at] as string)) {
      this.#c.fail("did not find expected alphabetic or numeric character");
    }
    this.#add(type, { value });
  }

  #directive(): void {
    this.#endAll();
    const { name, ...token } = directive(this.#c);
    this.#add(name, token);
    this.#c.endLine();
  }

  #plainScalar(): void {
    this.#saveKey();
    const { line } = this.#c;
    const { value, isLineBegun } = plainScalar(this.#c, this.#indent + 1, this.#isInFlow);
    this.#add("scalar", { value, isPlain: true, line });
    if (isLineBegun) this.#mayBeKey = true;
  }

  #quotedScalar(): void {
    this.#saveKey();
    const { line } = this.#c;
    this.#add("scalar", { value: quotedScalar(this.#c), line });
  }

  #blockScalar(): void {
    this.#giveUp();
    this.#mayBeKey = true;
    const { line } = this.#c;
    this.#add("scalar", { value: blockScalar(this.#c, this.#indent + 1), line });
  }
}
