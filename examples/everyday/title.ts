import { pullRequestTitle } from "gh-runner/workflows";

/** The title of a pull request is a conventional commit with one of these scopes; a check says what is wrong. */
export default pullRequestTitle({
  scopes: ["docs", "kit", "schema", "vite", "deps"],
  subjectPattern: "^(?![A-Z]).+$",
  subjectPatternError: 'The subject "{subject}" in "{title}" must not begin with a capital letter.',
});
