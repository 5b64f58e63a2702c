/** The values that `${{ github.event.client_payload.run }}` can read: `{ github: …, inputs: … }`. */
export type Contexts = { readonly [name: string]: unknown };

/**
 * Fills in the `${{ … }}` of a text, as GitHub does for `run-name` and `concurrency`. An expression that it does not
 * understand stays unchanged.
 * @see https://docs.github.com/en/actions/reference/workflows-and-actions/expressions
 */
export function filledIn(template: string, contexts: Contexts): string {
  return template.replaceAll(/\$\{\{(.*?)\}\}/gs, (written, expression: string) => {
    try {
      return textOf(parse(tokensOf(expression), contexts));
    } catch {
      return written;
    }
  });
}

const TOKEN = /\s*('(?:[^']|'')*'|\|\||&&|==|!=|[!()[\],.]|-?\d+(?:\.\d+)?|[A-Za-z_][\w-]*)/y;

function tokensOf(expression: string): string[] {
  const tokens: string[] = [];
  const text = expression.trim();
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < text.length) {
    const token = TOKEN.exec(text)?.[1];
    if (token === undefined) throw new Error(`not an expression: ${text}`);
    tokens.push(token);
  }
  return tokens;
}

/** The weakest operator first. Both sides are always evaluated: nothing here has side effects. */
const OPERATORS: readonly Readonly<Record<string, (a: unknown, b: unknown) => unknown>>[] = [
  { "||": (a, b) => (isTrue(a) ? a : b) },
  { "&&": (a, b) => (isTrue(a) ? b : a) },
  { "==": (a, b) => isSame(a, b), "!=": (a, b) => !isSame(a, b) },
];

const FUNCTIONS: Readonly<Record<string, (...values: unknown[]) => unknown>> = {
  format: (template, ...values) =>
    textOf(template).replaceAll(/\{(\d+)\}/g, (_, index) => textOf(values[Number(index)])),
  contains: (whole, part) => textOf(whole).toLowerCase().includes(textOf(part).toLowerCase()),
  startswith: (whole, part) => textOf(whole).toLowerCase().startsWith(textOf(part).toLowerCase()),
  endswith: (whole, part) => textOf(whole).toLowerCase().endsWith(textOf(part).toLowerCase()),
  tojson: (value) => JSON.stringify(value, null, 2),
};

function parse(tokens: string[], contexts: Contexts): unknown {
  const take = (token: string) => tokens[0] === token && tokens.shift() !== undefined;
  const expect = (token: string) => {
    if (!take(token)) throw new Error(`${token} is missing`);
  };
  const value = binary(0);
  if (tokens.length > 0) throw new Error(`nothing is expected at ${tokens[0]}`);
  return value;

  function binary(level: number): unknown {
    const operators = OPERATORS[level];
    if (!operators) return unary();
    let left = binary(level + 1);
    for (let apply = operators[tokens[0] ?? ""]; apply; apply = operators[tokens[0] ?? ""]) {
      tokens.shift();
      left = apply(left, binary(level + 1));
    }
    return left;
  }

  function unary(): unknown {
    if (take("!")) return !isTrue(unary());
    if (take("(")) {
      const inner = binary(0);
      expect(")");
      return inner;
    }
    const token = tokens.shift() ?? "";
    if (token.startsWith("'")) return token.slice(1, -1).replaceAll("''", "'");
    if (/^-?\d/.test(token)) return Number(token);
    if (!/^[A-Za-z_]/.test(token)) throw new Error(`a value is expected at ${token}`);
    if (token in LITERALS) return LITERALS[token as keyof typeof LITERALS];
    return take("(") ? called(token) : path(member(contexts, token));
  }

  function called(name: string): unknown {
    const apply = FUNCTIONS[name.toLowerCase()];
    if (!apply) throw new Error(`${name} is not known`);
    const values: unknown[] = [];
    while (!take(")")) {
      if (values.length > 0) expect(",");
      values.push(binary(0));
    }
    return apply(...values);
  }

  function path(start: unknown): unknown {
    let found = start;
    for (;;) {
      if (take(".")) found = member(found, tokens.shift() ?? "");
      else if (take("[")) {
        found = member(found, textOf(binary(0)));
        expect("]");
      } else return found;
    }
  }
}

const LITERALS = { true: true, false: false, null: null };

/** Names of properties are compared without case. */
function member(whole: unknown, name: string): unknown {
  if (typeof whole !== "object" || whole === null) return null;
  const key = Object.keys(whole).find((each) => each.toLowerCase() === name.toLowerCase());
  return key === undefined ? null : (whole as Record<string, unknown>)[key];
}

const isTrue = (value: unknown) => ![undefined, null, false, 0, ""].includes(value as null);

function isSame(a: unknown, b: unknown): boolean {
  return textOf(a).toLowerCase() === textOf(b).toLowerCase();
}

function textOf(value: unknown): string {
  if (value === null || value === undefined) return "";
  if (typeof value !== "object") return String(value);
  return Array.isArray(value) ? "Array" : "Object";
}
