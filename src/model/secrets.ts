/** The secrets that this process knows. Keeps them out of everything that it reports or writes. */
export type Secrets = {
  /** Hides this value in reported texts, until you call the returned function. */
  hide(secret: string): () => void;
  /** Also hides it in stored values: for values that are certainly tokens. */
  guard(token: string): () => void;
  /** The text with `***` instead of hidden values, and of anything that looks like a token. */
  scrub(text: string): string;
  /**
   * The same, but only for certain secrets: hidden values, and GitHub's tokens. Not for possible ones, such as the
   * password that a URL seems to have.
   */
  scrubCertain(text: string): string;
  /**
   * The first `most` characters of a text, with a sign if there are more. Only this function may shorten texts from
   * others: a token that was cut before the search for tokens would not be found, and most of it would be visible.
   */
  brief(text: string, most: number): string;
  /** The same for every string and name in a value for the log. An Error becomes its type, message, stack and cause. */
  scrubAll(value: unknown): unknown;
  /**
   * A JSON value without the tokens in its strings and names, at any depth: guarded ones, anything that looks like a
   * GitHub token, and `others`. Returns the same value if there are none.
   */
  withoutTokens<Value>(value: Value, others?: readonly string[]): Value;
  /**
   * The place of the first token in a JSON value: `user.name`, or "" for the value itself; undefined if there is none.
   */
  tokenIn(value: unknown, others?: readonly string[]): string | undefined;
};
