import type { Endpoints } from "@octokit/types";
import { nearestName } from "./nearest-name.ts";
import { shown } from "./problems.ts";

type Granted = NonNullable<
  Endpoints["POST /app/installations/{installation_id}/access_tokens"]["parameters"]["permissions"]
>;

type Name = keyof Granted;

/**
 * A token's permissions, with the names of GitHub's API: `{ issues: "write", pull_requests: "read" }`. Anything left
 * out is not permitted. Reading metadata always is.
 * @see https://docs.github.com/en/rest/apps/apps#create-an-installation-access-token-for-an-app
 */
export type Permissions = { readonly [Each in Name]?: Granted[Each] };

/** The wanted permissions that the others lack, as written: `issues: "write"`. */
export function lackingIn(has: Readonly<Record<string, string>>, wanted: Readonly<Record<string, string>>): string[] {
  return Object.entries(wanted)
    .filter(([name, level]) => name !== "metadata" && rankOf(has[name]) < rankOf(level))
    .map(([name, level]) => `${name}: "${level}"`);
}

const RANKS: readonly (string | undefined)[] = [undefined, "read", "write", "admin"];

const rankOf = (level: string | undefined) => RANKS.indexOf(level);

/** What is wrong with these permissions of a workflow. Each problem has the name that it is about. */
export function permissionProblems(
  given: Readonly<Record<string, unknown>>,
): (readonly [name: string, what: string])[] {
  return Object.entries(given).flatMap(([name, level]) => {
    const levels = Object.hasOwn(LEVELS, name) ? (LEVELS[name as Name] as readonly string[]) : undefined;
    if (!levels) return [[name, unknown(name)] as const];
    if (levels.includes(level as string)) return [];
    const none = level === "none" ? ": leave it out for no access" : "";
    return [[name, `expected ${levels.map((each) => `"${each}"`).join(" or ")}, got ${shown(level)}${none}`]];
  });
}

function unknown(name: string): string {
  const near = nearestName(name, Object.keys(LEVELS));
  const see = "see https://docs.github.com/en/rest/apps/apps#create-an-installation-access-token-for-an-app";
  return `no permission of GitHub's API has this name: ${near === undefined ? see : `did you mean ${near}?`}`;
}

const BOTH = ["read", "write"] as const;
const ALL = ["read", "write", "admin"] as const;
const READ = ["read"] as const;
const WRITE = ["write"] as const;

/** From GitHub's OpenAPI description; the compiler compares. */
const LEVELS: { readonly [Each in Name]-?: readonly NonNullable<Granted[Each]>[] } = {
  actions: BOTH,
  administration: BOTH,
  artifact_metadata: BOTH,
  attestations: BOTH,
  checks: BOTH,
  code_quality: BOTH,
  codespaces: BOTH,
  contents: BOTH,
  dependabot_secrets: BOTH,
  deployments: BOTH,
  discussions: BOTH,
  environments: BOTH,
  issues: BOTH,
  merge_queues: BOTH,
  metadata: BOTH,
  packages: BOTH,
  pages: BOTH,
  pull_requests: BOTH,
  repository_custom_properties: BOTH,
  repository_hooks: BOTH,
  repository_projects: ALL,
  secret_scanning_alerts: BOTH,
  secrets: BOTH,
  security_events: BOTH,
  single_file: BOTH,
  statuses: BOTH,
  vulnerability_alerts: BOTH,
  workflows: WRITE,
  custom_properties_for_organizations: BOTH,
  members: BOTH,
  organization_administration: BOTH,
  organization_custom_roles: BOTH,
  organization_custom_org_roles: BOTH,
  organization_custom_properties: ALL,
  organization_copilot_seat_management: BOTH,
  organization_copilot_agent_settings: BOTH,
  organization_announcement_banners: BOTH,
  organization_events: READ,
  organization_hooks: BOTH,
  organization_personal_access_tokens: BOTH,
  organization_personal_access_token_requests: BOTH,
  organization_plan: READ,
  organization_projects: ALL,
  organization_packages: BOTH,
  organization_secrets: BOTH,
  organization_self_hosted_runners: BOTH,
  organization_user_blocking: BOTH,
  email_addresses: BOTH,
  followers: BOTH,
  git_ssh_keys: BOTH,
  gpg_keys: BOTH,
  interaction_limits: BOTH,
  profile: WRITE,
  starring: BOTH,
  enterprise_custom_properties_for_organizations: ALL,
};
