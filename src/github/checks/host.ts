import { type Check, ok, problem } from "../../model/check.ts";
import { whatCame } from "../failures.ts";
import type { Answer } from "../http.ts";

export function answersAt(apiUrl: string, { headers }: Answer): Check {
  const version = headers["x-github-enterprise-version"];
  return ok("GitHub", `${apiUrl} answers${version ? ` (Enterprise Server ${version})` : ""}`);
}

/** Something else than GitHub's API answers there. */
export function notTheApi(apiUrl: string, answer: Answer): Check {
  return problem(
    "GitHub",
    `${apiUrl} does not answer as GitHub's API does: ${whatCame(answer)}`,
    "Set GITHUB_API_URL to https://api.github.com, https://HOST/api/v3 (Enterprise Server) or https://api.TENANT.ghe.com.",
  );
}
