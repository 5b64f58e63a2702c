/** Which requests a fault meets. Every condition that is given must hold. */
export type FaultMatch = {
  /** Method and template as GitHub's documentation writes them: `GET /repos/{owner}/{repo}`. */
  readonly route?: string;
  /** `GET`, where the path alone is not enough. */
  readonly method?: string;
  /** The decoded path, whole or as a pattern. */
  readonly path?: string | RegExp;
  /** How many requests it meets; all without it. */
  readonly times?: number;
  /** How many matching requests pass before the first is met. */
  readonly after?: number;
  /** Chance from 0 to 1 that a matching request is met, drawn from `random`. */
  readonly probability?: number;
  readonly random?: () => number;
};

export type Fault =
  | {
      readonly kind: "status";
      readonly status: number;
      readonly body?: string;
      readonly headers?: Record<string, string>;
    }
  /** A limit's answer: secondary with `retry-after`, or primary with `x-ratelimit-reset` (epoch seconds). */
  | {
      readonly kind: "limit";
      readonly retryAfterSeconds?: number;
      readonly resetAt?: number;
      readonly secondary?: boolean;
    }
  /** The connection is reset; with `afterHandling` the request is carried out first, and its answer lost. */
  | { readonly kind: "reset"; readonly afterHandling?: boolean }
  /** No answer at all. */
  | { readonly kind: "hang" }
  /** The answer ends half-way through its body. */
  | { readonly kind: "cut" }
  /** The ordinary answer, so many milliseconds later. */
  | { readonly kind: "delay"; readonly ms: number };

export type FaultHandle = { remove(): void; readonly met: number };

/** The faults in force; the newest that matches a request decides. */
export function faultScript() {
  let faults: { match: FaultMatch; fault: Fault; seen: number; met: number }[] = [];
  return {
    add(match: FaultMatch, fault: Fault): FaultHandle {
      const entry = { match, fault, seen: 0, met: 0 };
      faults.unshift(entry);
      return {
        remove: () => {
          faults = faults.filter((each) => each !== entry);
        },
        get met() {
          return entry.met;
        },
      };
    },
    clear: () => {
      faults = [];
    },
    take(route: string, path: string): Fault | undefined {
      for (const entry of faults) {
        const { match } = entry;
        if (match.route !== undefined && match.route !== route) continue;
        if (match.method !== undefined && !route.startsWith(`${match.method} `)) continue;
        if (typeof match.path === "string" && match.path !== path) continue;
        // Not test(): a pattern with the flag g would remember where it stood.
        if (match.path instanceof RegExp && path.search(match.path) === -1) continue;
        if (match.times !== undefined && entry.met >= match.times) continue;
        if (entry.seen++ < (match.after ?? 0)) continue;
        if (match.probability !== undefined && (match.random ?? Math.random)() >= match.probability) continue;
        entry.met++;
        return entry.fault;
      }
      return undefined;
    },
  };
}
