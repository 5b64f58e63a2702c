type Write = {
  (facts: object, message?: string): void;
  (message: string): void;
};

/** Where records go, one object each, by how much they matter. */
export type Log = { readonly [Level in "debug" | "info" | "warn" | "error"]: Write };
