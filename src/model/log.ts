type Write = {
  (facts: object, message?: string): void;
  (message: string): void;
};

/** Receives log records, one object each, by level. */
export type Log = { readonly [Level in "debug" | "info" | "warn" | "error"]: Write };
