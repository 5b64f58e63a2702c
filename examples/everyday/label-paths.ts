import { labeler } from "gh-runner/workflows";

/** Labels a pull request as `.github/labeler.yml` says, and takes labels away that no longer fit. */
export default labeler({ syncLabels: true });
