import { shortCommit } from "../summary.ts";
import type { DependabotMetadata, DependencyType, UpdateType } from "./dependabot.ts";

/** Which updates are merged, as data. Each rule applies to every dependency that a pull request updates. */
export type AutoMergeRules = {
  /**
   * `["version-update:semver-patch", "version-update:semver-minor"]`. By default any update, also of an unknown type.
   */
  readonly updateTypes?: readonly UpdateType[];
  readonly dependencyTypes?: readonly DependencyType[];
  /** Names, in which `*` stands for anything: `["lodash", "@types/*"]`. */
  readonly dependencyNames?: readonly string[];
  /** As in branch names: `["npm_and_yarn", "github_actions"]`. */
  readonly packageEcosystems?: readonly string[];
  readonly dependencyGroups?: readonly string[];
};

/** Why an update is not merged. Undefined if all rules are met. */
export function unmet(metadata: DependabotMetadata | undefined, rules: AutoMergeRules): string | undefined {
  const { updateTypes, dependencyTypes, dependencyNames, packageEcosystems, dependencyGroups } = rules;
  if (metadata === undefined) {
    const isAsked = [updateTypes, dependencyTypes, dependencyNames, packageEcosystems, dependencyGroups].some(
      (each) => each,
    );
    return isAsked ? "it says nothing about dependencies" : undefined;
  }
  const { updatedDependencies: all, packageEcosystem, dependencyGroup } = metadata;
  const names = dependencyNames?.map(
    (name) =>
      new RegExp(
        `^${name
          .split("*")
          .map((part) => RegExp.escape(part))
          .join(".*")}$`,
      ),
  );
  for (const { dependencyName: name, updateType, dependencyType } of all) {
    if (updateTypes && !updateTypes.includes(updateType as UpdateType)) {
      return `${name}: ${updateType || "an unknown kind of update"} is not among updateTypes`;
    }
    if (dependencyTypes && !dependencyTypes.includes(dependencyType as DependencyType)) {
      return `${name}: ${dependencyType} is not among dependencyTypes`;
    }
    if (names && !names.some((pattern) => pattern.test(name))) return `${name} is not among dependencyNames`;
  }
  if (packageEcosystems && !packageEcosystems.includes(packageEcosystem)) {
    return `${packageEcosystem} is not among packageEcosystems`;
  }
  if (dependencyGroups && !dependencyGroups.includes(dependencyGroup)) {
    return `${dependencyGroup === "" ? "no group" : dependencyGroup} is not among dependencyGroups`;
  }
  return undefined;
}

/** The author of a commit of a pull request. */
export type Authored = {
  readonly sha: string;
  readonly author: string | undefined;
  readonly committer: string | undefined;
  readonly isVerified: boolean;
};

/** GitHub itself, which signs commits that it makes for others. */
const GITHUB = "web-flow";

/**
 * Why a commit is not certainly by the author of the pull request. Undefined if it is. GitHub verifies only that the
 * committer has signed a commit. Anyone with a key can sign a commit with another author. So the committer must be
 * GitHub or the author.
 */
export function foreignness(
  { sha, author, committer, isVerified }: Authored,
  expected: string,
  { skipCommitVerification = false },
): string | undefined {
  const commit = shortCommit(sha);
  if (author !== expected) return `commit ${commit} is by ${author ?? "someone unknown"}, not by ${expected}`;
  if (skipCommitVerification) return undefined;
  if (!isVerified) return `commit ${commit} is not verified`;
  return committer === GITHUB || committer === expected
    ? undefined
    : `commit ${commit} was committed by ${committer ?? "someone unknown"}`;
}
