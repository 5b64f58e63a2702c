/** A value that may be replaced while the process runs, such as a secret in a file. */
export type Renewable<T> = {
  now(): T;
  /** Checks for a new value. When it resolves, ask `now` again. Use this if a value was rejected that should work. */
  refresh(): Promise<void>;
};

/** A value that does not change. */
export function unchanging<T>(value: T): Renewable<T> {
  return { now: () => value, refresh: async () => {} };
}

/** A part of a value. */
export function partOf<T, Part>({ now, refresh }: Renewable<T>, part: (whole: T) => Part): Renewable<Part> {
  return { now: () => part(now()), refresh };
}

/** Builds something from a value, once while the value is the same. */
export function madeOf<T, Made>(find: () => T, make: (value: T) => Made): () => Made {
  let known: { readonly value: T; readonly made: Made } | undefined;
  return () => {
    const value = find();
    if (known === undefined || known.value !== value) known = { value, made: make(value) };
    return known.made;
  };
}
