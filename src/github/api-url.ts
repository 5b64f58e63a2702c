import { isCloud } from "./limits.ts";

/**
 * What GITHUB_API_URL should be, where its host alone tells that it is the address of GitHub's pages and not of its API;
 * undefined when it may be right. An Enterprise Server without /api/v3 shows itself only by its answers.
 */
export function apiUrlMeant(apiUrl: string): string | undefined {
  const { host, hostname, origin, pathname } = new URL(apiUrl);
  if (/^(?:www\.)?github\.com$/.test(hostname)) return "https://api.github.com";
  const [, tenant] = /^([^.]+)\.ghe\.com$/.exec(hostname) ?? [];
  if (tenant !== undefined && tenant !== "api") return `https://api.${tenant}.ghe.com`;
  return isCloud(host) && pathname !== "/" ? origin : undefined;
}
