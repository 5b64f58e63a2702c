import { labeler } from "gh-runner/workflows";

/** Labels a pull request by `.github/labeler.yml`, and removes labels that no longer match. */
export default labeler({ syncLabels: true });
