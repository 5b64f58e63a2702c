import { autoMerge } from "gh-runner/workflows";

/** Approves Dependabot's minor and patch updates, and merges them when their checks have passed. */
export default autoMerge({
  updateTypes: ["version-update:semver-minor", "version-update:semver-patch"],
  approve: true,
  mergeMethod: "squash",
});
