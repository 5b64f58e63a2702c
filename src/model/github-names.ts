/** `owner/name`. Neither may be `.` or `..`, which would lead to another address. */
export const REPOSITORY_NAME = /^(?!\.{1,2}\/)[\w.-]+\/(?!\.{1,2}$)[\w.-]+$/;

/** Whether a value is a text such as `acme/shop`. */
export const isRepositoryName = (value: unknown): value is string =>
  typeof value === "string" && REPOSITORY_NAME.test(value);

/** `acme/shop` as parameters of GitHub's routes. */
export function ownerAndName(repository: string): { owner: string; repo: string } {
  const [owner = "", repo = ""] = repository.split("/");
  return { owner, repo };
}

/** Whether a text is a full commit hash, in either case. */
export const isCommitHash = (text: string): boolean => /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/i.test(text);
