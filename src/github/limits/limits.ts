import type { Limit } from "../../model/limits.ts";

/** A limit written out. `graphql` stands for points of GraphQL, which are counted separately. */
type SpelledLimit = Omit<Limit, "unit"> & { readonly unit: Limit["unit"] | "graphql" };

/** `auto`: on where GitHub has limits by default. */
export type LimitsSetting = "auto" | "on" | "off" | readonly SpelledLimit[];

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;

/**
 * Points are documented. Writes are requests that create content. Whether dispatches count is unknown, so they are
 * counted.
 * @see https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api#about-secondary-rate-limits
 */
const DOCUMENTED: readonly SpelledLimit[] = [
  { unit: "points", most: 900, ms: MINUTE_MS },
  { unit: "writes", most: 80, ms: MINUTE_MS },
  { unit: "writes", most: 500, ms: HOUR_MS },
  // A query costs 1 point, a mutation 5.
  { unit: "graphql", most: 2000, ms: MINUTE_MS },
];

/**
 * The windows that the gates of a host enforce, and one line that describes them. On GitHub Enterprise Server limits
 * are off by default.
 */
export function limitsInForce(
  setting: LimitsSetting,
  apiUrl: string,
): { limits: readonly Limit[]; graphqlLimits: readonly Limit[]; about: string } {
  const { host } = new URL(apiUrl);
  const limits =
    typeof setting === "object" ? setting : setting === "on" || (setting === "auto" && isCloud(host)) ? DOCUMENTED : [];
  const windows = limits.map(({ unit, most, ms }) => `${most} ${NAMES[unit]} in ${ms / 1000} s`).join(", ");
  const why = typeof setting === "object" ? "as set" : `${setting}, for ${host}`;
  return {
    limits: limits.flatMap(({ unit, ...each }) => (unit === "graphql" ? [] : { unit, ...each })),
    graphqlLimits: limits.flatMap(({ unit, ...each }) => (unit === "graphql" ? { unit: "points", ...each } : [])),
    about: `GitHub's rate limits that gh-runner keeps (GITHUB_LIMITS: ${why}): ${windows || "none"}. It always pauses when GitHub asks for it.`,
  };
}

const NAMES = { points: "points", writes: "writes", graphql: "GraphQL points" } as const;

/** github.com and GitHub Enterprise Cloud with data residency: https://docs.github.com/en/enterprise-cloud@latest/admin/data-residency */
export function isCloud(host: string): boolean {
  return host === "api.github.com" || /^api\.[^.]+\.ghe\.com$/.test(host);
}
