/** What may be replaced while the process runs, such as a secret in a file. */
export type Renewable<T> = {
  now(): T;
  /** Resolves when it was looked whether there is something new: ask `now` again. For what is rejected and should pass. */
  refresh(): Promise<void>;
};

/** What stays as it is. */
export function unchanging<T>(value: T): Renewable<T> {
  return { now: () => value, refresh: async () => {} };
}

/** A part of it. */
export function partOf<T, Part>({ now, refresh }: Renewable<T>, part: (whole: T) => Part): Renewable<Part> {
  return { now: () => part(now()), refresh };
}

/** What is made of a value, once for as long as that is the same. */
export function madeOf<T, Made>(find: () => T, make: (value: T) => Made): () => Made {
  let known: { readonly value: T; readonly made: Made } | undefined;
  return () => {
    const value = find();
    if (known === undefined || known.value !== value) known = { value, made: make(value) };
    return known.made;
  };
}
