import { YamlError } from "./cursor.ts";
import { type Token, Tokens } from "./tokens.ts";

/** The parts of a document, in the order of its text. */
export type Event = {
  readonly type: "document" | "scalar" | "alias" | "mapping" | "sequence" | "end" | "document end" | "stream end";
  /** The text of a scalar, or the name of an alias. */
  readonly value: string;
  readonly isPlain: boolean;
  readonly anchor: string | undefined;
  /** The whole tag, such as `tag:yaml.org,2002:str` or `!vault`. */
  readonly tag: string | undefined;
  readonly line: number;
};

type State = (events: Events) => Event;
type TokenType = Token["type"];

/** Whether a node is in brackets, and whether a list may begin there without more indentation. */
type Place = "flow" | "block" | "block or list";

/**
 * Turns tokens into events, by libyaml's grammar. The return positions are in a list instead of the stack. A deeply
 * nested text ends with an error instead of a stack overflow.
 */
export class Events {
  readonly #tokens: Tokens;
  readonly #states: State[] = [];
  state: State = documentStart;
  /** The prefixes of tag handles. */
  prefixes = new Map<string, string>();

  constructor(text: string) {
    this.#tokens = new Tokens(text);
  }

  /** @throws YamlError */
  next(): Event {
    return this.state(this);
  }

  peek(): Token {
    return this.#tokens.peek();
  }

  take(): Token {
    const token = this.#tokens.peek();
    this.#tokens.skip();
    return token;
  }

  isAt(type: TokenType): boolean {
    return this.peek().type === type;
  }

  expect(type: TokenType, what: string): void {
    if (!this.isAt(type)) throw new YamlError(`did not find expected ${what}`, this.peek().line);
  }

  /** Returns to the outer state at the end. */
  returnTo(then: State): void {
    this.#states.push(then);
  }

  back(): void {
    this.state = this.#states.pop() as State;
  }

  nodeThen(then: State, place: Place): Event {
    this.returnTo(then);
    return node(this, place);
  }

  nothingThen(then: State, at = this.peek()): Event {
    this.state = then;
    return event("scalar", at, { isPlain: true });
  }

  /** After an indicator comes a node. If one of these tokens follows, the node is empty. */
  indicatorThen(then: State, place: Place, ends: readonly TokenType[]): Event {
    const indicator = this.take();
    return ends.includes(this.peek().type) ? this.nothingThen(then, indicator) : this.nodeThen(then, place);
  }

  end(): Event {
    this.back();
    return event("end", this.take());
  }
}

function event(type: Event["type"], { line }: Token, more: Partial<Event> = {}): Event {
  const { value = "", isPlain = false, anchor, tag } = more;
  return { type, value, isPlain, anchor, tag, line };
}

function documentStart(e: Events): Event {
  while (e.isAt("...")) e.take();
  e.prefixes = new Map([
    ["!", "!"],
    ["!!", "tag:yaml.org,2002:"],
  ]);
  if (e.isAt("stream end")) return event("stream end", e.peek());
  let isMarked = false;
  for (; e.isAt("%YAML") || e.isAt("%TAG"); isMarked = true) {
    const { type, value, suffix } = e.take();
    if (type === "%TAG") e.prefixes.set(value, suffix);
  }
  const first = e.peek();
  if (isMarked) e.expect("---", "<document start>");
  if (first.type === "---") e.take();
  e.returnTo(documentEnd);
  e.state = first.type === "---" ? documentContent : (again) => node(again, "block");
  return event("document", first);
}

const AFTER_DOCUMENT: readonly TokenType[] = ["%YAML", "%TAG", "---", "...", "stream end"];

function documentContent(e: Events): Event {
  if (!AFTER_DOCUMENT.includes(e.peek().type)) return node(e, "block");
  const nothing = e.nothingThen(documentEnd);
  e.back();
  return nothing;
}

function documentEnd(e: Events): Event {
  e.state = documentStart;
  return event("document end", e.peek());
}

function node(e: Events, place: Place): Event {
  const first = e.peek();
  if (first.type === "alias") {
    e.back();
    return event("alias", first, { value: e.take().value });
  }
  let anchor: string | undefined;
  let tag: string | undefined;
  for (;;) {
    if (e.isAt("anchor") && anchor === undefined) anchor = e.take().value;
    else if (e.isAt("tag") && tag === undefined) tag = tagOf(e, e.take());
    else break;
  }
  const token = e.peek();
  const collection = collectionAt(token.type, place);
  if (collection) {
    const [type, then] = collection;
    // A list without more indentation begins with its first entry.
    if (token.type !== "-") e.take();
    e.state = then;
    return event(type, token, { anchor, tag });
  }
  e.back();
  if (token.type === "scalar") {
    e.take();
    return event("scalar", token, { anchor, tag, value: token.value, isPlain: token.isPlain });
  }
  if (anchor === undefined && tag === undefined) e.expect("scalar", "node content");
  return event("scalar", token, { anchor, tag, isPlain: true });
}

function collectionAt(type: TokenType, place: Place): readonly ["mapping" | "sequence", State] | undefined {
  if (type === "[") return ["sequence", firstEntry];
  if (type === "{") return ["mapping", firstKey];
  if (type === "-" && place === "block or list") return ["sequence", plainListEntry];
  if (type === "block sequence" && place !== "flow") return ["sequence", blockEntry];
  if (type === "block mapping" && place !== "flow") return ["mapping", blockKey];
  return undefined;
}

function tagOf({ prefixes }: Events, { value, suffix, line }: Token): string {
  const prefix = value === "" ? "" : prefixes.get(value);
  if (prefix === undefined) throw new YamlError("found undefined tag handle", line);
  return prefix + suffix;
}

const AFTER_ENTRY: readonly TokenType[] = ["-", "block end"];
const AFTER_LIST_ENTRY: readonly TokenType[] = ["-", "key", "value", "block end"];
const AFTER_BLOCK: readonly TokenType[] = ["key", "value", "block end"];
const AFTER_PAIR: readonly TokenType[] = [",", "]"];
const AFTER_FLOW_KEY: readonly TokenType[] = ["value", ",", "}"];
const AFTER_FLOW_VALUE: readonly TokenType[] = [",", "}"];

function blockEntry(e: Events): Event {
  if (e.isAt("block end")) return e.end();
  e.expect("-", "'-' indicator");
  return e.indicatorThen(blockEntry, "block", AFTER_ENTRY);
}

/** For a list that begins in the column of its key. */
function plainListEntry(e: Events): Event {
  if (e.isAt("-")) return e.indicatorThen(plainListEntry, "block", AFTER_LIST_ENTRY);
  e.back();
  return event("end", e.peek());
}

function blockKey(e: Events): Event {
  if (e.isAt("block end")) return e.end();
  e.expect("key", "key");
  return e.indicatorThen(blockValue, "block or list", AFTER_BLOCK);
}

function blockValue(e: Events): Event {
  if (!e.isAt("value")) return e.nothingThen(blockKey);
  return e.indicatorThen(blockKey, "block or list", AFTER_BLOCK);
}

/** @returns whether the brackets close, before or after a comma. */
function isClosed(e: Events, close: "]" | "}", isFirst: boolean): boolean {
  if (isFirst || e.isAt(close)) return e.isAt(close);
  e.expect(",", `',' or '${close}'`);
  e.take();
  return e.isAt(close);
}

const firstEntry: State = (e) => flowEntry(e, true);
const nextEntry: State = (e) => flowEntry(e, false);

function flowEntry(e: Events, isFirst: boolean): Event {
  if (isClosed(e, "]", isFirst)) return e.end();
  if (!e.isAt("key")) return e.nodeThen(nextEntry, "flow");
  // A pair without braces: `[a: b]` is `[{a: b}]`.
  e.state = pairKey;
  return event("mapping", e.take());
}

function pairKey(e: Events): Event {
  if (!e.isAt("value") && !AFTER_PAIR.includes(e.peek().type)) return e.nodeThen(pairValue, "flow");
  const nothing = e.nothingThen(pairValue);
  // libyaml drops the token after a `?` without a key, so this reader must do the same.
  e.take();
  return nothing;
}

function pairValue(e: Events): Event {
  return e.isAt("value") ? e.indicatorThen(pairEnd, "flow", AFTER_PAIR) : e.nothingThen(pairEnd);
}

function pairEnd(e: Events): Event {
  e.state = nextEntry;
  return event("end", e.peek());
}

const firstKey: State = (e) => flowKey(e, true);
const nextKey: State = (e) => flowKey(e, false);

function flowKey(e: Events, isFirst: boolean): Event {
  if (isClosed(e, "}", isFirst)) return e.end();
  // `{a, b}` is `{a: , b: }`.
  if (!e.isAt("key")) return e.nodeThen((again) => again.nothingThen(nextKey), "flow");
  return e.indicatorThen(flowValue, "flow", AFTER_FLOW_KEY);
}

function flowValue(e: Events): Event {
  return e.isAt("value") ? e.indicatorThen(nextKey, "flow", AFTER_FLOW_VALUE) : e.nothingThen(nextKey);
}
