// Generated from GitHub's OpenAPI descriptions by `npm run docs`. Do not edit.

/** Every word in the paths of GitHub's REST API, names of parameters too. */
export const ROUTE_WORDS: ReadonlySet<string> = new Set(
  `
... Groups Users accepted_assignments access access-restrictions access_tokens accessible_repositories account_id
accounts actions activity actor_id actor_identifier actor_type add admin advanced-security advisories agents
ai_credit alert_number alerts all analyses analysis_id annotations announcement api app app-manifests app_slug
applications apply approvals approve apps archive archive_format artifact-and-log-retention artifact_id artifacts
asset_id assets assignee assignees assignment_id assignments attach attempt_number attempts attestation_id
attestations audit-log author_id authorization_id authorizations authors autofix autolink_id autolinks
automated-security-fixes base basehead billing blobs blocked_by blocking blocks branch branch_policy_id branches
branches-where-head budget_id budgets build_id builds bulk-list bypass-list bypass-requests bypass-responses
bypass_request_number bypass_response_id cache cache_id caches campaign_number campaigns cancel check check-runs
check-suites check_run_id check_suite_id checks classroom_id classrooms client_id clients clones cloud-agent cluster
code code-quality code-scanning code-security code-security-configuration code_frequency code_security_and_analysis
codeowners codeql codeql_variant_analysis_id codes_of_conduct codespace_name codespaces coding-agent coding_agent
collaborators comment_id comments commit_activity commit_sha commits community compare concurrency_group_name
concurrency_groups config configuration configuration_id configurations conflicts consumed-licenses content_exclusion
contents contexts contributors conversions copilot copilot-spaces cost-centers cost_center_id count creation-cap
credential-authorizations credential_id credentials custom custom-agents custom-patterns custom-repository-roles
custom_property_name custom_roles customization cutover cve databases default-level default-setup defaults
delete-request deliveries delivery_id dependabot dependencies dependency-graph deployment-branch-policies
deployment-record deployment-records deployment_id deployment_protection_rule deployment_protection_rules deployments
deprecations detach devcontainers digest dir disable dismiss dismissal-requests dismissals dispatches docker
downloads drafts email emails emojis enable enablement enforce_admins enterprise enterprise-1-day enterprise-28-day
enterprise-installation enterprise-roles enterprise-team enterprise_or_org enterprises environment_name environments
errors event_id events export_id exports external-group external-groups failed_invitations feeds fetch-report
field_id fields file_sha files finding_number findings fine_grained_permissions fingerprint followers following
force-cancel fork-pr-contributor-approval fork-pr-workflows-private-repos forks generate generate-jitconfig
generate-notes generate-report ghsa_id gist_id gists git github-owned gitignore gpg_key_id gpg_keys grades grant
grant_id grants group-mappings group_id groups hash-algorithm head health history hook hook_id hooks hosted-runners
hosted_runner_id hovercard image_definition_id images immutable-releases import init innersource-vulnerabilities
insights installable_organizations installation installation-requests installation_id installations instances
interaction-limits invitation_id invitations issue-field-values issue-fields issue-types issue_field_id issue_id
issue_number issue_type_id issuer issues item_id items job_id jobs key key_id key_ids keys labels language languages
large_files latest ldap lfs license license-sync-status licenses limits live-migrations locations lock logs
machine-sizes machines maintenance manage mapping markdown marketplace_listing marketplace_purchases matching-refs
members memberships merge merge-async merge-upstream merges meta metadata metrics migration_id migrations
milestone_number milestones name network-configurations network-settings network_configuration_id network_settings_id
networks new nodes notifications octocat oidc org org-properties org_id organization-1-day organization-28-day
organization-fine-grained-permissions organization-roles organization-secrets organization-variables organization_id
organizations orgs outside_collaborators owner package_name package_type package_version_id packages pages
pages_deployment_id parent participation partner pat_id pat_request_id path paths pattern-configurations pattern_id
pause pending_deployments permission permissions permissions_check personal-access-token-requests
personal-access-tokens pin pings plan_id plans platforms policies popular pre-receive-environments pre-receive-hooks
pre_receive_environment_id pre_receive_hook_id preferences premium_request priority private-registries
private-vulnerability-reporting profile project_number projectsV2 promote properties protection protection_rule_id
public public-key public_emails public_members publish pull_number pulls punch_card push-protection-bypasses
push-rules rate_limit raw reaction_id reactions readme received_events ref referrers refs registration-token
release_id releases remove remove-token rename replicas replication replies repo repo_name repo_owner report_id
reports repos repos-1-day repositories repository-access repository-fine-grained-permissions repository_id
repository_invitations requested_reviewers required_pull_request_reviews required_signatures required_status_checks
rerequest rerun rerun-failed-jobs resource resources restore restrictions resume retention-limit revert-cutover
review_id reviews revoke revoke-all revoke-credential-type role_id route-stats rule-suites rule_suite_id rules
ruleset_id rulesets run_id runner-groups runner_group_id runner_id runners runs sarif_id sarifs sbom sbom_uuid
scan-history schema scim scim_group_id scim_user_id scoped search seats secret-scanning secret_name secrets
security-advisories security-managers security-products security_product selected-actions selected_enterprise_teams
selected_teams selected_users self-hosted-runners server-statistics settings setup sha site_admin snapshots
social_accounts source space_number space_resource_id ssh ssh_signing_key_id ssh_signing_keys stack_number stacks
star stargazers starred start stats status status_id statuses stop storage-limit storage-record storage-records
stream-key stream_id streams stubbed sub sub_issue sub_issues subject-stats subject_digest subscribers subscription
subscriptions suggestion_id suggestions summary summary-stats suspended sync system-requirements tag
tag_protection_id tag_sha tags tarball target_user task_id tasks team-sync team_id team_slug teams template_owner
template_repo templates tests thread_id threads time-stats timeline timing token token_id tokens topics traffic
transfer tree_sha trees unstack update-branch usage usage-by-repository usage-policy usage-records user user-states
user-stats user-teams-1-day user_id username users users-1-day users-28-day uuid v1 v2 values variables
variant-analyses version version_id versions view_number views visibility visual-studio-subscriptions
visual_studio_subscription_id vulnerability-alerts workflow workflow_id workflows zen zipball
`
    .trim()
    .split(/\s/),
);
