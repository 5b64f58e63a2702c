/** A result of checking the settings. */
export type Check = {
  /** What was checked, such as `target repository`. */
  readonly check: string;
  /** A problem keeps the service from working. A warning may, now or later. */
  readonly status: "ok" | "warning" | "problem";
  readonly message: string;
  /** What to do, in a sentence; null if there is nothing to do. */
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
