import { failure, type Reply } from "./routes/reply.ts";

/** What github.com, or the Enterprise Server of a version such as "3.19.0", does in its way. */
export function editionOf(enterprise: string | undefined) {
  const versions = enterprise === undefined ? ["2026-03-10", "2022-11-28"] : ["2022-11-28"];
  const list = versions.join('", "');
  return {
    /** Of every answer of the API. */
    headers: enterprise === undefined ? {} : { "x-github-enterprise-version": enterprise },
    /** Whether answers carry `x-ratelimit-*`. On an Enterprise Server limits are off by default, and the headers absent. */
    showsLimits: enterprise === undefined,
    /** The answer to a path outside the API. */
    outside: enterprise === undefined ? failure(404, "Not Found") : PAGE_NOT_FOUND,
    /** Rejects a version of the API that it does not know; undefined when it knows it. */
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

/** On an Enterprise Server the API lives below /api/v3; everything else is pages for people. */
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
