import { lackingIn } from "../model/permissions.ts";
import { type Answer, isEncoded, isPage } from "./answer.ts";
import type { Credential, Need } from "./auth/credentials.ts";
import { isCloud } from "./limits/limits.ts";

type Asked = {
  readonly apiUrl: string;
  /** The credential of the request. */
  readonly by?: Pick<Credential, "variable" | "permissions"> | undefined;
};

/**
 * What a person can do about an answer that a retry does not change. Each sentence is also in docs/troubleshooting.md.
 * A test keeps the two equal and names the sources of GitHub's words.
 */
export function remedyFor(need: Need, answer: Answer, { apiUrl, by = {} }: Asked): string {
  const { status, headers, message } = answer;
  const { repository } = need;
  const permission = wanted(need);
  const isLogin = /\/(?:login|sso|saml)\b/.test(headers.location ?? "");
  if (isPage(answer) || isLogin) {
    const url = enterpriseUrl(apiUrl);
    if (url) return `GitHub Enterprise Server has its API below /api/v3: set GITHUB_API_URL to ${url}.`;
  }
  if (status === 407) {
    return "A proxy in between asks for credentials: set HTTPS_PROXY to http://USER:PASSWORD@HOST:PORT.";
  }
  if (isEncoded(answer)) {
    const coding = String(headers["content-encoding"]);
    return `The answer is compressed${coding.length <= 40 ? ` (${coding})` : ""}, although gh-runner did not ask for that: configure the proxy in between to pass answers unchanged.`;
  }
  if (isPage(answer)) {
    return "The answer is a web page, which GitHub's API never sends: check GITHUB_API_URL and any proxy in between.";
  }
  if (/actions (?:has been |have been |is |are )?disabled/i.test(message)) {
    return `GitHub Actions is disabled for ${repository}: enable it in the repository's settings, under Actions.`;
  }
  if (status === 451 || /access blocked/i.test(message)) {
    return `GitHub itself has blocked ${repository}: contact https://support.github.com, or name another repository.`;
  }
  switch (status) {
    case 401:
      if (by.variable !== undefined) return `The token is wrong, expired or revoked: give ${by.variable} a valid one.`;
      return "The token is wrong, expired or revoked: give the service a valid GITHUB_TOKEN (or the request a valid github_token).";
    case 403:
      return notDeclared(answer, by) ?? remedyForForbidden(need, answer, by);
    case 404: {
      const remedy = notDeclared(answer, by);
      if (remedy !== undefined) return remedy;
      // A workflow's request. The missing thing may also be an issue or a user.
      if (permission === undefined) {
        return "The request names something that does not exist or that the token cannot see: check each name in the request, and the token's permissions.";
      }
      return (
        `${repository} does not exist or the token cannot see it: check the name, and give the token ` +
        `${permission} on it.`
      );
    }
    case 409:
      return `${permission === undefined ? "The target of the request" : repository} does not allow this in its present state, for example because it is empty or has just changed: read GitHub's message, then re-run.`;
    case 413:
      return TOO_LARGE;
    case 423:
      return `${permission === undefined ? "The target of the request" : repository} is locked: unlock it or wait until GitHub unlocks it, then re-run.`;
    case 422:
      if (/too large/i.test(message)) return TOO_LARGE;
      if (/no commit found/i.test(message))
        return `The commit is not in ${repository}: check the repository and the hash.`;
      if (/event_type|characters are allowed/i.test(message)) return "Use an event type of 1 to 100 characters.";
      return INVALID;
    case 400:
      return INVALID;
  }
  if (headers.location !== undefined) {
    return `gh-runner follows redirects only within the same host: check GITHUB_API_URL and the name ${repository}.`;
  }
  return "GitHub does not answer like this: check GITHUB_API_URL and any proxy in between.";
}

const TOO_LARGE = "The event is larger than GitHub accepts (64 KB): make it smaller.";
const INVALID = "GitHub found the request invalid: check its parameters.";

/**
 * The workflow does not allow its tokens to do this. GitHub's answer lists what the route accepts, such as
 * `issues=write; pull_requests=write`, of which one is enough.
 * @see https://docs.github.com/en/rest/using-the-rest-api/troubleshooting-the-rest-api#resource-not-accessible
 */
function notDeclared({ headers }: Answer, { permissions }: NonNullable<Asked["by"]>): string | undefined {
  const accepted = headers["x-accepted-github-permissions"];
  if (permissions === undefined || typeof accepted !== "string") return undefined;
  const ways = accepted.split(";").map((way) => {
    const wanted = way.split(",").map((each) => each.trim().split("=", 2) as [string, string]);
    return lackingIn(permissions, Object.fromEntries(wanted)).join(", ");
  });
  if (ways.includes("")) return undefined;
  const either = ways.join(" or ");
  return `The workflow's \`permissions\` lack ${either}: add ${ways.length === 1 ? "it" : "one of these"}.`;
}

/** GitHub answers 403 for a dozen reasons. Only its words tell which one. */
function remedyForForbidden(need: Need, { headers, message }: Answer, by: NonNullable<Asked["by"]>): string {
  const { repository } = need;
  const permission = wanted(need) ?? "that this request needs";
  const [owner = ""] = repository.split("/");
  if (headers["x-github-sso"] !== undefined || /SAML/.test(message)) {
    return `Authorize the token for the organisation's single sign-on: ${ssoUrl(headers)}.`;
  }
  if (/locked for migration|being migrated/i.test(message)) {
    return `${repository} is being migrated: wait until the migration ends, then re-run, with the new name if it has one.`;
  }
  if (/archived/i.test(message)) {
    return `${repository} is archived and accepts no events: unarchive it, or name another repository.`;
  }
  if (/installation has been suspended/i.test(message)) {
    return `An owner of ${owner} has suspended the App: unsuspend it in the settings, under GitHub Apps.`;
  }
  if (/account (?:was|has been) suspended/i.test(message)) {
    return "The user behind the token is suspended: use a token of another user, or a GitHub App.";
  }
  if (/ip allow list|ip address/i.test(message)) {
    return `Add the address from which this service reaches GitHub to the IP allow list of ${owner}.`;
  }
  if (/forbids access via/i.test(message)) {
    return `${owner} does not accept tokens of this kind or lifetime: create one that it accepts, or use a GitHub App.`;
  }
  if (/administrative rules/i.test(message)) {
    return "GitHub requires a User-Agent header, which gh-runner sends: check whether a proxy in between removes it.";
  }
  if (/authenticate via a github app/i.test(message)) {
    return 'GitHub accepts checks only from a GitHub App: set GITHUB_APP_ID and GITHUB_APP_PRIVATE_KEY, or write a status instead (report: "status").';
  }
  if (/by integration/i.test(message)) {
    const which = wanted(need) ?? "the permission that this request needs";
    const also =
      by.permissions && need.permission === "" ? " Also check that the workflow's `permissions` have it." : "";
    return `Give the GitHub App ${which} in its settings, then accept it in the settings of ${owner}.${also}`;
  }
  return `Give the token the permission ${permission} on ${repository} (a classic token: scope repo).`;
}

/** Undefined if a workflow has chosen the route: then the needed permission is not known here. */
function wanted({ permission, either = [permission] }: Need): string | undefined {
  return either[0] ? either.map((name) => `"${name}"`).join(" or ") : undefined;
}

function ssoUrl(headers: Answer["headers"]): string {
  return /url=(\S+)/.exec(String(headers["x-github-sso"]))?.[1] ?? "see the token's settings on GitHub";
}

/** What GITHUB_API_URL should be, if it may be a GitHub Enterprise Server without the path of its API. */
function enterpriseUrl(apiUrl: string): string | undefined {
  const { host, origin, pathname } = new URL(apiUrl);
  return isCloud(host) || pathname.endsWith("/api/v3") ? undefined : `${origin}/api/v3`;
}
