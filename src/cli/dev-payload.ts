import { choosing, type FilterPatterns, isNegative } from "../model/filter-patterns.ts";
import type { GitHubTrigger } from "../model/github-trigger.ts";
import type { Json } from "../model/run.ts";

/**
 * An example payload for a `github` entry, as far as its filters are data. It has the fields that most workflows read.
 */
export function examplePayload(event: string, entry: GitHubTrigger): Json {
  const { actions = [], branches, branchesIgnore, tags, tagsIgnore, paths, pathsIgnore } = entry;
  const [action] = actions as readonly string[];
  const repository = { full_name: "acme/shop", name: "shop", owner: { login: "acme" } };
  const branch = exampleOf(branches, branchesIgnore, ["main", "change-7"]);
  const isOfTag = (tags ?? tagsIgnore) !== undefined && (branches ?? branchesIgnore) === undefined;
  const labels = [entry.labels ?? []].flat().map((name) => ({ name }));
  const sha = "c".repeat(40);
  const number = 7;
  const user = { login: "octocat", type: "User" };
  const about = { number, state: action === "closed" ? "closed" : "open", title: "Change 7", labels, user };
  const pull = { ...about, merged: action === "closed", base: { ref: branch }, head: { ref: "change-7", sha } };
  const path = exampleOf(paths, pathsIgnore, ["src/index.ts", "README.md"]);
  const push = {
    ref: isOfTag ? `refs/tags/${exampleOf(tags, tagsIgnore, ["v1.0.0", "nightly"])}` : `refs/heads/${branch}`,
    after: sha,
    ...((paths ?? pathsIgnore) !== undefined && { commits: [{ id: sha, added: [], removed: [], modified: [path] }] }),
  };
  return {
    ...(action === undefined ? {} : { action }),
    ...(event.startsWith("pull_request") ? { number, pull_request: pull } : {}),
    ...(event.startsWith("issue") ? { issue: about } : {}),
    ...(event.endsWith("_comment") ? { comment: { id: 1, body: "Thank you!", user } } : {}),
    ...(event.startsWith("discussion") ? { discussion: about } : {}),
    ...(/^(un)?labeled$/.test(action ?? "") ? { label: labels[0] ?? { name: "bug" } } : {}),
    ...(event === "push" ? push : {}),
    ...(event === "merge_group" ? { merge_group: { base_ref: `refs/heads/${branch}`, head_sha: sha } } : {}),
    ...(event === "workflow_run" ? { workflow_run: { head_branch: branch, head_sha: sha } } : {}),
    repository,
    sender: user,
  };
}

/** A name that matches the patterns, if one is easy to find. */
function exampleOf(
  only: FilterPatterns | undefined,
  ignored: FilterPatterns | undefined,
  likely: readonly string[],
): string {
  const made = [only ?? []].flat().filter((pattern) => !isNegative(pattern));
  const isWanted = (name: string) => choosing(only ?? "**")(name) && !choosing(ignored ?? [])(name);
  return [...likely, ...made.flatMap(namesFrom)].find(isWanted) ?? likely[0] ?? "";
}

/** Names that a pattern may match: `docs/**` gives `docs/a`. */
function namesFrom(pattern: string): readonly string[] {
  return ["a", "1", ""].map((any) =>
    pattern
      .replaceAll("**/", "")
      .replaceAll(/\*+/g, any)
      .replaceAll(/\[(.)[^\]]*\]/g, "$1")
      .replaceAll(/[?+\\]/g, ""),
  );
}
