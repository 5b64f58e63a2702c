import { type Token, Tokens, YamlError } from "./tokens.ts";

/** What a document is made of, in the order of its text. */
export type Event = {
  readonly type: "document" | "scalar" | "alias" | "mapping" | "sequence" | "end" | "document end" | "stream end";
  /** The text of a scalar, the name of an alias. */
  readonly value: string;
  readonly isPlain: boolean;
  readonly anchor: string | undefined;
  /** Whole, such as `tag:yaml.org,2002:str` or `!vault`. */
  readonly tag: string | undefined;
  readonly line: number;
};

type State = () => Event;

/**
 * Tokens as events, by libyaml's grammar. The places to return to are in a list, not on the stack: a text that is nested
 * deeply ends with an error instead of a stack overflow.
 */
export function eventsOf(text: string): { next(): Event } {
  const tokens = new Tokens(text);
  const states: State[] = [];
  let state: State = documentStart;
  let prefixes = new Map<string, string>();

  const peek = () => tokens.peek();
  function take(): Token {
    const token = tokens.peek();
    tokens.skip();
    return token;
  }
  function event(
    type: Event["type"],
    { line }: Token,
    anchor?: string,
    tag?: string,
    value = "",
    isPlain = false,
  ): Event {
    return { type, value, isPlain, anchor, tag, line };
  }
  const nothing = (at: Token) => event("scalar", at, undefined, undefined, "", true);
  const back = () => {
    state = states.pop() as State;
  };
  /** A node, after which `then` follows. */
  function nodeThen(then: State, kind: Parameters<typeof node>[0]): Event {
    states.push(then);
    return node(kind);
  }
  function emptyThen(then: State, at: Token): Event {
    state = then;
    return nothing(at);
  }
  function end(): Event {
    back();
    return event("end", take());
  }

  function documentStart(): Event {
    while (peek().type === "...") take();
    prefixes = new Map([
      ["!", "!"],
      ["!!", "tag:yaml.org,2002:"],
    ]);
    if (peek().type === "stream end") return event("stream end", peek());
    let isMarked = false;
    for (; peek().type === "%YAML" || peek().type === "%TAG"; isMarked = true) {
      const { type, value, suffix } = take();
      if (type === "%TAG") prefixes.set(value, suffix);
    }
    const first = peek();
    if (first.type === "---") take();
    else if (isMarked) throw new YamlError("did not find expected <document start>", first.line);
    states.push(documentEnd);
    state = first.type === "---" ? documentContent : () => node("block");
    return event("document", first);
  }

  function documentContent(): Event {
    const at = peek();
    if (!["%YAML", "%TAG", "---", "...", "stream end"].includes(at.type)) return node("block");
    back();
    return nothing(at);
  }

  function documentEnd(): Event {
    state = documentStart;
    return event("document end", peek());
  }

  /** @param kind whether it is in brackets, and whether a list may begin there without more indentation. */
  function node(kind: "flow" | "block" | "block or list"): Event {
    const first = peek();
    if (first.type === "alias") {
      back();
      return event("alias", first, undefined, undefined, take().value);
    }
    let anchor: string | undefined;
    let tag: string | undefined;
    for (let token = first; isProperty(token, anchor, tag); token = peek()) {
      take();
      if (token.type === "anchor") anchor = token.value;
      else tag = tagOf(token);
    }
    const token = peek();
    if (token.type === "scalar") {
      take();
      back();
      return event("scalar", token, anchor, tag, token.value, token.isPlain);
    }
    const begin = (type: "mapping" | "sequence", then: State, skip = true) => {
      if (skip) take();
      state = then;
      return event(type, token, anchor, tag);
    };
    switch (token.type) {
      case "[":
        return begin("sequence", firstEntry);
      case "{":
        return begin("mapping", firstKey);
      case "-":
        if (kind === "block or list") return begin("sequence", plainListEntry, false);
        break;
      case "block sequence":
        if (kind !== "flow") return begin("sequence", blockEntry);
        break;
      case "block mapping":
        if (kind !== "flow") return begin("mapping", blockKey);
        break;
    }
    if (anchor === undefined && tag === undefined) {
      throw new YamlError("did not find expected node content", token.line);
    }
    back();
    return event("scalar", token, anchor, tag, "", true);
  }

  function tagOf({ value, suffix, line }: Token): string {
    if (value === "") return suffix;
    const prefix = prefixes.get(value);
    if (prefix === undefined) throw new YamlError("found undefined tag handle", line);
    return prefix + suffix;
  }

  function blockEntry(): Event {
    const token = peek();
    if (token.type === "block end") return end();
    if (token.type !== "-") throw new YamlError("did not find expected '-' indicator", token.line);
    take();
    return isOneOf(peek(), "-", "block end") ? emptyThen(blockEntry, token) : nodeThen(blockEntry, "block");
  }

  /** Of a list that begins in the column of its key. */
  function plainListEntry(): Event {
    const token = peek();
    if (token.type !== "-") {
      back();
      return event("end", token);
    }
    take();
    return isOneOf(peek(), "-", "key", "value", "block end")
      ? emptyThen(plainListEntry, token)
      : nodeThen(plainListEntry, "block");
  }

  function blockKey(): Event {
    const token = peek();
    if (token.type === "block end") return end();
    if (token.type !== "key") throw new YamlError("did not find expected key", token.line);
    take();
    return isOneOf(peek(), "key", "value", "block end")
      ? emptyThen(blockValue, token)
      : nodeThen(blockValue, "block or list");
  }

  function blockValue(): Event {
    const token = peek();
    if (token.type !== "value") return emptyThen(blockKey, token);
    take();
    return isOneOf(peek(), "key", "value", "block end")
      ? emptyThen(blockKey, token)
      : nodeThen(blockKey, "block or list");
  }

  function flowEntry(isFirst: boolean): Event {
    if (peek().type === "]") return end();
    if (!isFirst) {
      if (peek().type !== ",") throw new YamlError("did not find expected ',' or ']'", peek().line);
      take();
    }
    const token = peek();
    if (token.type === "]") return end();
    if (token.type !== "key") return nodeThen(nextEntry, "flow");
    // A pair without braces: `[a: b]` is `[{a: b}]`.
    take();
    state = pairKey;
    return event("mapping", token);
  }
  const firstEntry = () => flowEntry(true);
  const nextEntry = () => flowEntry(false);

  // libyaml drops the token after a `?` without a key, and so must this reader.
  function pairKey(): Event {
    return isOneOf(peek(), "value", ",", "]") ? emptyThen(pairValue, take()) : nodeThen(pairValue, "flow");
  }
  function pairValue(): Event {
    if (peek().type !== "value") return emptyThen(pairEnd, peek());
    take();
    return isOneOf(peek(), ",", "]") ? emptyThen(pairEnd, peek()) : nodeThen(pairEnd, "flow");
  }
  function pairEnd(): Event {
    state = nextEntry;
    return event("end", peek());
  }

  function flowKey(isFirst: boolean): Event {
    if (peek().type === "}") return end();
    if (!isFirst) {
      if (peek().type !== ",") throw new YamlError("did not find expected ',' or '}'", peek().line);
      take();
    }
    const token = peek();
    if (token.type === "}") return end();
    if (token.type !== "key") return nodeThen(noValue, "flow");
    take();
    return isOneOf(peek(), "value", ",", "}") ? emptyThen(flowValue, peek()) : nodeThen(flowValue, "flow");
  }
  const firstKey = () => flowKey(true);
  const nextKey = () => flowKey(false);

  /** `{a, b}` is `{a: , b: }`. */
  function noValue(): Event {
    return emptyThen(nextKey, peek());
  }
  function flowValue(): Event {
    if (peek().type !== "value") return emptyThen(nextKey, peek());
    take();
    return isOneOf(peek(), ",", "}") ? emptyThen(nextKey, peek()) : nodeThen(nextKey, "flow");
  }

  return { next: () => state() };
}

function isProperty({ type }: Token, anchor: string | undefined, tag: string | undefined): boolean {
  return (type === "anchor" && anchor === undefined) || (type === "tag" && tag === undefined);
}

type TokenType = Token["type"];

function isOneOf({ type }: Token, a: TokenType, b: TokenType, c?: TokenType, d?: TokenType): boolean {
  return type === a || type === b || type === c || type === d;
}
