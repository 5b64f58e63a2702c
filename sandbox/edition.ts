import { failure, type Reply } from "./routes/reply.ts";

/** How github.com and an Enterprise Server of a version such as "3.19.0" differ. */
export function editionOf(enterprise: string | undefined) {
  const versions = enterprise === undefined ? ["2026-03-10", "2022-11-28"] : ["2022-11-28"];
  const list = versions.join('", "');
  return {
    /** Headers of every answer of the API. */
    headers: enterprise === undefined ? {} : { "x-github-enterprise-version": enterprise },
    /**
     * Whether answers have `x-ratelimit-*`. On an Enterprise Server limits are off by default, and the headers are
     * absent.
     */
    showsLimits: enterprise === undefined,
    /** The answer to a path outside the API. */
    outside: enterprise === undefined ? failure(404, "Not Found") : PAGE_NOT_FOUND,
    /** Rejects an unknown version of the API. Undefined for a known one. */
    rejection: (version: string | undefined): Reply | undefined =>
      version === undefined || versions.includes(version)
        ? undefined
        : failure(
            400,
            `The version you specified in the "X-GitHub-API-Version" request header, "${version}", is not a supported ` +
              `version. The following versions are currently supported: "${list}".`,
          ),
  };
}

/** An Enterprise Server has the API below /api/v3. All other paths are web pages. */
const PAGE_NOT_FOUND: Reply = {
  status: 404,
  headers: { "content-type": "text/html; charset=utf-8" },
  raw: Buffer.from(
    "<!DOCTYPE html>\n<html><head><title>Page not found · GitHub</title></head><body>Page not found</body></html>\n",
  ),
};

/** https://docs.github.com/en/rest/using-the-rest-api/getting-started-with-the-rest-api#user-agent */
export const NO_USER_AGENT = failure(
  403,
  "Request forbidden by administrative rules. Please make sure your request has a User-Agent header.",
);
