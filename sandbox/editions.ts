import { failure, type Reply } from "./routes/reply.ts";

/** What GitHub Enterprise Server does differently from github.com. */
export type Edition = {
  /** Headers of every answer of the API. */
  readonly headers: Readonly<Record<string, string>>;
  /** Whether answers carry `x-ratelimit-*`. On an Enterprise Server limits are off by default, and the headers absent. */
  readonly showsLimits: boolean;
  /** The answer to a path outside the API. */
  readonly outside: Reply;
  /** Refuses a version of the API that it does not know; undefined when it knows it. */
  refusal(version: string | undefined): Reply | undefined;
};

/** github.com, or the Enterprise Server of a version such as "3.19.0". */
export function editionOf(enterprise: string | undefined): Edition {
  const versions = enterprise === undefined ? ["2026-03-10", "2022-11-28"] : ["2022-11-28"];
  return {
    headers: enterprise === undefined ? {} : { "x-github-enterprise-version": enterprise },
    showsLimits: enterprise === undefined,
    outside: enterprise === undefined ? failure(404, "Not Found") : page(404, "Page not found"),
    refusal: (version) =>
      version === undefined || versions.includes(version)
        ? undefined
        : failure(
            400,
            `The version you specified in the "X-GitHub-API-Version" request header, "${version}", is not a supported ` +
              `version. The following versions are currently supported: "${versions.join('", "')}".`,
          ),
  };
}

/** On an Enterprise Server the API lives below /api/v3; everything else is pages for people. */
function page(status: number, title: string): Reply {
  const html = `<!DOCTYPE html>\n<html><head><title>${title} · GitHub</title></head><body>${title}</body></html>\n`;
  return { status, headers: { "content-type": "text/html; charset=utf-8" }, raw: Buffer.from(html) };
}
