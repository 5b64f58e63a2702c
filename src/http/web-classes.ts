/**
 * Fetch's classes without Node's fetch. Node loads its fetch at the first use of one of these classes, which takes 9 ms of CPU
 * and 4.5 MB. The release gives these classes to Hono and its server (scripts/light-web.ts). For what they cannot do, Node's
 * classes are loaded.
 */
const NAME = /^[!#$%&'*+\-.^_`|~\dA-Za-z]+$/;
const WRONG = /[\0\r\n]|[^\0-\xff]/;
const SET_COOKIE = "set-cookie";

/** Headers as defined in https://fetch.spec.whatwg.org/#headers-class. */
export class Headers {
  /** The values by name, in lower case. */
  readonly #values = new Map<string, string>();
  #cookies: readonly string[] = [];

  constructor(init?: Iterable<readonly [string, string]> | Readonly<Record<string, string>>) {
    if (init === undefined) return;
    const pairs = Symbol.iterator in init ? init : Object.entries(init);
    for (const [name, value] of pairs) this.append(name, value);
  }

  append(name: string, value: string): void {
    const [key, text] = checked(name, value);
    if (key === SET_COOKIE) this.#cookies = [...this.#cookies, text];
    const before = this.#values.get(key);
    this.#values.set(key, before === undefined ? text : `${before}${key === "cookie" ? "; " : ", "}${text}`);
  }

  set(name: string, value: string): void {
    const [key, text] = checked(name, value);
    if (key === SET_COOKIE) this.#cookies = [text];
    this.#values.set(key, text);
  }

  delete(name: string): void {
    const [key] = checked(name, "");
    if (key === SET_COOKIE) this.#cookies = [];
    this.#values.delete(key);
  }

  get(name: string): string | null {
    return this.#values.get(checked(name, "")[0]) ?? null;
  }

  has(name: string): boolean {
    return this.#values.has(checked(name, "")[0]);
  }

  getSetCookie(): string[] {
    return [...this.#cookies];
  }

  forEach(each: (value: string, name: string, headers: this) => void, self?: unknown): void {
    for (const [name, value] of this) each.call(self, value, name, this);
  }

  *keys(): Generator<string> {
    for (const [name] of this) yield name;
  }

  *values(): Generator<string> {
    for (const [, value] of this) yield value;
  }

  entries(): Iterator<[string, string]> & Iterable<[string, string]> {
    const names = [...this.#values].sort(([a], [b]) => (a < b ? -1 : 1));
    if (this.#cookies.length < 2) return names.values();
    const each = ([name, value]: [string, string]): [string, string][] =>
      name === SET_COOKIE ? this.#cookies.map((cookie) => [name, cookie]) : [[name, value]];
    return names.flatMap(each).values();
  }

  [Symbol.iterator](): ReturnType<Headers["entries"]> {
    return this.entries();
  }
}

function checked(name: string, value: string): readonly [name: string, value: string] {
  const text = `${value}`.replace(/^[\t\n\r ]+|[\t\n\r ]+$/g, "");
  if (!NAME.test(name)) throw new TypeError(`Headers: ${name} is an invalid header name.`);
  if (WRONG.test(text)) throw new TypeError("Headers: this is an invalid header value.");
  return [name.toLowerCase(), text];
}

/** `new NativeRequest()` returns Node's `Request`. */
export class NativeRequest {
  constructor(...given: ConstructorParameters<typeof Request>) {
    // biome-ignore lint/correctness/noConstructorReturn: it is loaded here and not before.
    return new globalThis.Request(...given);
  }
}

/** `new NativeResponse()` returns Node's `Response`. */
export class NativeResponse {
  constructor(...given: ConstructorParameters<typeof Response>) {
    // biome-ignore lint/correctness/noConstructorReturn: it is loaded here and not before.
    return new globalThis.Response(...given);
  }
}
