import type { Limit } from "../../model/limits.ts";

/** `auto`: where GitHub has limits by default. */
export type LimitsSetting = "auto" | "on" | "off" | readonly Limit[];

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;

/**
 * Points: documented. Writes: those that create content; whether dispatches count among them is unknown, so they do.
 * @see https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api#about-secondary-rate-limits
 */
const DOCUMENTED: readonly Limit[] = [
  { unit: "points", most: 900, ms: MINUTE_MS },
  { unit: "writes", most: 80, ms: MINUTE_MS },
  { unit: "writes", most: 500, ms: HOUR_MS },
];

/** The windows that the gates of a host hold, and one line that says so. On GitHub Enterprise Server limits are off by default. */
export function limitsInForce(setting: LimitsSetting, apiUrl: string): { limits: readonly Limit[]; about: string } {
  const { host } = new URL(apiUrl);
  const limits =
    typeof setting === "object" ? setting : setting === "on" || (setting === "auto" && isCloud(host)) ? DOCUMENTED : [];
  const windows = limits.map(({ unit, most, ms }) => `${most} ${unit} in ${ms / 1000} s`).join(", ");
  const why = typeof setting === "object" ? "as set" : `${setting}, for ${host}`;
  return {
    limits,
    about: `GitHub's limits (GITHUB_LIMITS: ${why}): ${windows || "no windows"}; pauses that GitHub asks for are always kept`,
  };
}

/** github.com and GitHub Enterprise Cloud with data residency: https://docs.github.com/en/enterprise-cloud@latest/admin/data-residency */
export function isCloud(host: string): boolean {
  return host === "api.github.com" || /^api\.[^.]+\.ghe\.com$/.test(host);
}
