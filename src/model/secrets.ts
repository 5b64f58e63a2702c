/** The secrets that this process knows, and how they are kept out of everything it says and writes down. */
export type Secrets = {
  /** Keeps this value out of what is said, until the returned function is called. */
  hide(secret: string): () => void;
  /** The same, and out of what is written down too: for what is a token for certain. */
  guard(token: string): () => void;
  /** The text with every value that is kept out, and anything that looks like a token, replaced by `***`. */
  scrub(text: string): string;
  /**
   * The same for what is a secret for certain: values that are kept out, and GitHub's tokens. Not for what may be one, such
   * as the password that a URL seems to have.
   */
  scrubCertain(text: string): string;
  /**
   * So many characters of a text, with a sign when there are more. Only this may shorten what others wrote: a token that
   * was cut before it was looked for would not be found, and most of it would show.
   */
  brief(text: string, most: number): string;
  /** The same for every string and name inside a value for the log; an Error becomes its type, message, stack and cause. */
  scrubAll(value: unknown): unknown;
  /**
   * A JSON value, at any depth, without the tokens in its strings and names: those that are guarded, anything that looks like
   * one of GitHub's, and these others. The very same value where there is none.
   */
  withoutTokens<Value>(value: Value, others?: readonly string[]): Value;
  /** Where a JSON value has the first of these: `user.name`, or "" for the value itself; undefined where it has none. */
  tokenIn(value: unknown, others?: readonly string[]): string | undefined;
};
