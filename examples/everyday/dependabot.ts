import { autoMerge } from "gh-runner/workflows";

/** Minor and patch updates of Dependabot are approved, and merged once their checks have passed. */
export default autoMerge({
  updateTypes: ["version-update:semver-minor", "version-update:semver-patch"],
  approve: true,
  mergeMethod: "squash",
});
