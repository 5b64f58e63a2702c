import { type Check, ok, problem, warning } from "../../model/check.ts";
import { ownerAndName } from "../../model/github-names.ts";
import { asParameter } from "../auth/app-api.ts";
import type { RepositoryFacts } from "../repository-facts.ts";
import { type Checked, found } from "./checked.ts";
import type { Identity } from "./credential.ts";

type Settings = Pick<Checked, "follow" | "targetWorkflow" | "reports">;

/** A permission on the target repository that FOLLOW, TARGET_WORKFLOW or a report needs, by GitHub's name. */
type Wanted = {
  /** One of them is enough. */
  readonly either: readonly string[];
  readonly what: string;
  /** True if the service cannot do its work without it. */
  readonly isVital: boolean;
};

const REPORTS: Readonly<Record<Checked["follow"][number], readonly string[]>> = {
  status: ["Commit statuses: write"],
  check: ["Checks: write"],
  comment: ["Pull requests: write", "Issues: write"],
  deployment: ["Deployments: write"],
};

function wantedFor({ follow, targetWorkflow, reports }: Settings): readonly Wanted[] {
  const toReport = reports.map(({ workflow, as }) => ({
    ...{ either: REPORTS[as], what: `for the report of ${workflow}`, isVital: true },
  }));
  const start = { either: ["Actions: write"], what: "to start the workflow", isVital: true };
  const toStart = targetWorkflow === undefined ? [] : [start];
  if (follow.length === 0) return [...toStart, ...toReport];
  return [
    ...toReport,
    ...follow.map((kind) => ({ either: REPORTS[kind], what: `for FOLLOW=${kind}`, isVital: true })),
    { either: ["Actions: read"], what: "to follow the tests", isVital: true },
    ...toStart,
    ...(targetWorkflow ? [] : [{ ...start, what: "to cancel those of an older commit", isVital: false }]),
    { either: ["Pull requests: read"], what: "to find the pull request", isVital: false },
  ];
}

const CHECK = "further permissions";

/** Which permissions the App's installation lacks on the target. */
export function checkGranted(
  settings: Settings,
  { what, owner, granted }: { what: string; owner: string; granted: Readonly<Record<string, string>> },
): readonly Check[] {
  const wanted = wantedFor(settings);
  if (wanted.length === 0) return [];
  const lacking = wanted.filter(({ either }) => !either.some((permission) => has(granted, permission)));
  if (lacking.length === 0) return [ok(CHECK, `${what} has all permissions that following and reporting need`)];
  const remedy = `Give the App ${listed(lacking)} in its settings, then accept it in the settings of ${owner}.`;
  const message = `${what} lacks ${lacking.map(({ either, what: why }) => `${eitherOf(either)} ${why}`).join(", ")}`;
  return [lacking.some(({ isVital }) => isVital) ? problem(CHECK, message, remedy) : warning(CHECK, message, remedy)];
}

function has(granted: Readonly<Record<string, string>>, permission: string): boolean {
  return Object.entries(asParameter(permission)).every(
    ([name, level]) => granted[name] === level || granted[name] === "write",
  );
}

const eitherOf = (names: readonly string[]) => names.map((name) => `"${name}"`).join(" or ");
const listed = (lacking: readonly Wanted[]) => [...new Set(lacking.map(({ either }) => eitherOf(either)))].join(", ");

/**
 * Which permissions a token lacks on the target, as far as GitHub shows them. An App's permissions are checked with its
 * installation.
 */
export function checkFollowing(
  { github, ...settings }: Checked,
  identity: Identity,
  repository: string,
  { fullName }: RepositoryFacts,
): Promise<readonly Check[]> {
  // A separate check reports that no token can write checks.
  const wanted = wantedFor({ ...settings, reports: settings.reports.filter(({ as }) => as !== "check") });
  return found(CHECK, async () => {
    if (wanted.length === 0 || identity.kind === "app") return [];
    if (settings.follow.includes("check")) {
      const remedy = "Set GITHUB_APP_ID and GITHUB_APP_PRIVATE_KEY, or use FOLLOW=status.";
      return [problem(CHECK, "FOLLOW has check, but GitHub accepts checks only from a GitHub App", remedy)];
    }
    if (settings.follow.length > 0) {
      await github.ask(
        { tried: `listing the Actions runs of ${repository}`, repository, permission: "Actions: read" },
        "GET /repos/{owner}/{repo}/actions/runs",
        { ...ownerAndName(repository), per_page: 1 },
        [200],
      );
    }
    // The scope that dispatching needs includes all of them.
    if (identity.kind === "classic") return [ok(CHECK, "the token's scope covers what following and reporting need")];
    const message = `GitHub does not show whether the token has ${listed(wanted)}`;
    return [warning(CHECK, message, `Check that the token's settings list ${fullName} with them.`)];
  });
}
