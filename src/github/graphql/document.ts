/** A GraphQL document, parsed as far as needed here. */
export type GraphQLDocument = {
  readonly operations: readonly GraphQLOperation[];
  /** By name. */
  readonly fragments: ReadonlyMap<string, readonly Selection[]>;
};

export type GraphQLOperation = {
  readonly kind: "query" | "mutation" | "subscription";
  readonly name: string | undefined;
  readonly selections: readonly Selection[];
};

/** A field, or a fragment that stands for several: named, or written inline. */
export type Selection =
  | { readonly field: string; readonly as: string; readonly selections: readonly Selection[] | undefined }
  | { readonly fragment: string }
  | { readonly inline: readonly Selection[] };

/**
 * Reads a document. Undefined if it is not one. It reads what the specification calls a document of executable
 * definitions. For arguments, types and values it only counts the brackets. Anything that breaks the specification
 * makes the result undefined, such as text that does not end or a misplaced character.
 * @see https://spec.graphql.org/October2021/#sec-Document
 */
export function parseDocument(text: string): GraphQLDocument | undefined {
  const tokens = tokensOf(text);
  if (tokens === undefined || tokens.length === 0) return undefined;
  try {
    return documentOf(reading(tokens));
  } catch (error) {
    if (error instanceof NotGraphQL) return undefined;
    throw error;
  }
}

/** A deeper document would overflow the stack. GitHub's limit is far below this. */
const MAX_DEPTH = 200;

/** White space, commas, comments and the byte order mark mean nothing. */
const NOTHING = /[\s,\ufeff]+|#[^\n\r]*/y;
const NAME_OR_MARK = /[A-Za-z_]\w*|\.\.\.|[!$&()[\]{}:=@|]/y;
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w.])/y;
/** Parts of a text, matched one by one: a single pattern for a long text would overflow the stack. */
const PART_OF_TEXT = /[^"\\\n\r]+|\\(?:["\\/bfnrt]|u[\dA-Fa-f]{4}|u\{[\dA-Fa-f]+\})/y;

/** Stands for a number or a text, which are not examined. */
const VALUE = "0";

/** Names, marks and values in order. Undefined if there is anything else. */
function tokensOf(text: string): string[] | undefined {
  const tokens: string[] = [];
  for (let at = 0; at < text.length; ) {
    const end = endOf(NOTHING, text, at);
    if (end !== undefined) {
      at = end;
      continue;
    }
    const endOfToken = endOf(NAME_OR_MARK, text, at);
    const next = endOfToken ?? endOf(NUMBER, text, at) ?? endOfText(text, at);
    if (next === undefined) return undefined;
    tokens.push(endOfToken === undefined ? VALUE : text.slice(at, endOfToken));
    at = next;
  }
  return tokens;
}

/** Where a pattern that starts here ends. Undefined if it does not match. */
function endOf(pattern: RegExp, text: string, at: number): number | undefined {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : undefined;
}

/** Where a text that starts here ends, with one quotation mark or three. */
function endOfText(text: string, start: number): number | undefined {
  if (text.startsWith('"""', start)) {
    let at = start + 3;
    for (;;) {
      const end = text.indexOf('"""', at);
      if (end < 0) return undefined;
      if (text[end - 1] !== "\\") return end + 3;
      at = end + 3;
    }
  }
  if (text[start] !== '"') return undefined;
  for (let at: number | undefined = start + 1; at !== undefined; at = endOf(PART_OF_TEXT, text, at)) {
    if (text[at] === '"') return at + 1;
  }
  return undefined;
}

class NotGraphQL extends Error {}

type Reading = ReturnType<typeof reading>;

function reading(tokens: readonly string[]) {
  let at = 0;
  const next = (): string => {
    const token = tokens[at++];
    if (token === undefined) throw new NotGraphQL();
    return token;
  };
  return {
    next,
    peek: (): string | undefined => tokens[at],
    /** Takes the next token, if it is this one. */
    take(token: string): boolean {
      if (tokens[at] !== token) return false;
      at++;
      return true;
    },
    name(): string {
      const token = next();
      if (!/^[A-Za-z_]/.test(token)) throw new NotGraphQL();
      return token;
    },
    /** Skips an expression in brackets, if it comes next. */
    skipBrackets(): void {
      if (tokens[at] !== "(") return;
      const open: string[] = [];
      do {
        const token = next();
        if (token in CLOSING) open.push(CLOSING[token]!);
        else if (CLOSED.has(token) && open.pop() !== token) throw new NotGraphQL();
      } while (open.length > 0);
    },
  };
}

const CLOSING: Readonly<Record<string, string>> = Object.assign(Object.create(null), {
  "(": ")",
  "[": "]",
  "{": "}",
});
const CLOSED = new Set([")", "]", "}"]);

function documentOf(tokens: Reading): GraphQLDocument {
  const operations: GraphQLOperation[] = [];
  const fragments = new Map<string, readonly Selection[]>();
  while (tokens.peek() !== undefined) {
    if (tokens.peek() === "{") {
      operations.push({ kind: "query", name: undefined, selections: selectionsOf(tokens, 0) });
      continue;
    }
    const keyword = tokens.name();
    if (keyword === "fragment") {
      const name = tokens.name();
      if (name === "on" || tokens.name() !== "on" || fragments.has(name)) throw new NotGraphQL();
      tokens.name();
      skipDirectives(tokens);
      fragments.set(name, selectionsOf(tokens, 0));
    } else if (keyword === "query" || keyword === "mutation" || keyword === "subscription") {
      const name = /^[A-Za-z_]/.test(tokens.peek() ?? "") ? tokens.name() : undefined;
      tokens.skipBrackets();
      skipDirectives(tokens);
      operations.push({ kind: keyword, name, selections: selectionsOf(tokens, 0) });
    } else throw new NotGraphQL();
  }
  return { operations, fragments };
}

function selectionsOf(tokens: Reading, depth: number): readonly Selection[] {
  if (!tokens.take("{") || depth > MAX_DEPTH) throw new NotGraphQL();
  const selections: Selection[] = [];
  while (!tokens.take("}")) selections.push(selectionOf(tokens, depth + 1));
  if (selections.length === 0) throw new NotGraphQL();
  return selections;
}

function selectionOf(tokens: Reading, depth: number): Selection {
  if (tokens.take("...")) {
    const isNamed = /^[A-Za-z_]/.test(tokens.peek() ?? "");
    const name = isNamed ? tokens.name() : "on";
    if (isNamed && name === "on") tokens.name();
    skipDirectives(tokens);
    return name === "on" ? { inline: selectionsOf(tokens, depth) } : { fragment: name };
  }
  const as = tokens.name();
  const field = tokens.take(":") ? tokens.name() : as;
  tokens.skipBrackets();
  skipDirectives(tokens);
  return { field, as, selections: tokens.peek() === "{" ? selectionsOf(tokens, depth) : undefined };
}

function skipDirectives(tokens: Reading): void {
  while (tokens.take("@")) {
    tokens.name();
    tokens.skipBrackets();
  }
}

/**
 * The operation that GitHub would carry out. Undefined if that is not certain.
 * @param named `operationName` of the request. Required if there are several.
 */
export function operationIn(document: GraphQLDocument | undefined, named?: unknown): GraphQLOperation | undefined {
  const meant = document?.operations.filter(({ name }) => named === undefined || name === named);
  return meant?.length === 1 ? meant[0] : undefined;
}
