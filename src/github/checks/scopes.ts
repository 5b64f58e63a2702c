/**
 * The scopes of classic tokens that include a permission of GitHub Apps. One of them is enough. Undefined if no scope
 * includes it, or if that is not known.
 * @param isPrivate of the repository.
 * @see https://docs.github.com/en/apps/oauth-apps/building-oauth-apps/scopes-for-oauth-apps
 */
export function scopesFor(permission: string, level: string, isPrivate: boolean): readonly string[] | undefined {
  const ofRepositories = isPrivate ? ["repo"] : ["repo", "public_repo"];
  const writes = level !== "read";
  // GitHub accepts checks and artifact attestations only from Apps.
  if (permission === "checks" && writes) return undefined;
  const further = FURTHER[permission]?.[writes ? "write" : "read"];
  if (further) return REPOSITORY.has(permission) ? [...ofRepositories, ...further] : further;
  return REPOSITORY.has(permission) ? ofRepositories : undefined;
}

const REPOSITORY = new Set(
  `actions administration attestations checks code_quality contents dependabot_secrets deployments discussions environments
  issues merge_queues pages pull_requests repository_custom_properties repository_hooks repository_projects
  secret_scanning_alerts secrets security_events single_file statuses vulnerability_alerts`.split(/\s+/),
);

type Scopes = { readonly read: readonly string[]; readonly write: readonly string[] };

const ORGANISATION: Scopes = { read: ["read:org", "write:org", "admin:org"], write: ["admin:org"] };
const HOOKS: Scopes = { read: ["admin:org_hook"], write: ["admin:org_hook"] };

const FURTHER: Readonly<Record<string, Scopes>> = {
  workflows: { read: ["workflow"], write: ["workflow"] },
  statuses: { read: ["repo:status"], write: ["repo:status"] },
  deployments: { read: ["repo_deployment"], write: ["repo_deployment"] },
  security_events: { read: ["security_events"], write: ["security_events"] },
  repository_hooks: {
    read: ["read:repo_hook", "write:repo_hook", "admin:repo_hook"],
    write: ["write:repo_hook", "admin:repo_hook"],
  },
  packages: { read: ["read:packages", "write:packages"], write: ["write:packages"] },
  organization_packages: { read: ["read:packages", "write:packages"], write: ["write:packages"] },
  organization_projects: { read: ["read:project", "project"], write: ["project"] },
  members: ORGANISATION,
  organization_administration: ORGANISATION,
  organization_secrets: { read: ["admin:org"], write: ["admin:org"] },
  organization_self_hosted_runners: {
    read: ["admin:org", "manage_runners:org"],
    write: ["admin:org", "manage_runners:org"],
  },
  organization_hooks: HOOKS,
  email_addresses: { read: ["user:email", "user"], write: ["user"] },
  followers: { read: ["user:follow", "user"], write: ["user:follow", "user"] },
  profile: { read: ["user", "read:user"], write: ["user"] },
  git_ssh_keys: {
    read: ["read:public_key", "write:public_key", "admin:public_key"],
    write: ["write:public_key", "admin:public_key"],
  },
  gpg_keys: { read: ["read:gpg_key", "write:gpg_key", "admin:gpg_key"], write: ["write:gpg_key", "admin:gpg_key"] },
};
