import { pullRequestTitle } from "gh-runner/workflows";

/** Checks that the title of a pull request is a conventional commit with one of these scopes. */
export default pullRequestTitle({
  scopes: ["docs", "kit", "schema", "vite", "deps"],
  subjectPattern: "^(?![A-Z]).+$",
  subjectPatternError: 'The subject "{subject}" in "{title}" must not begin with a capital letter.',
});
