/** What a check of the settings has found. */
export type Check = {
  /** What was looked at, such as `target repository`. */
  readonly check: string;
  /** A problem keeps the service from doing its job; a warning may, now or later. */
  readonly status: "ok" | "warning" | "problem";
  readonly message: string;
  /** What to do, as a sentence; null when there is nothing to do. */
  readonly remedy: string | null;
};

export function ok(check: string, message: string): Check {
  return { check, status: "ok", message, remedy: null };
}

export function warning(check: string, message: string, remedy: string): Check {
  return { check, status: "warning", message, remedy };
}

export function problem(check: string, message: string, remedy: string): Check {
  return { check, status: "problem", message, remedy };
}
