export type GraphQLOptions = {
  /**
   * `owner/name`: whose token is used. Default: the repository in the variables `owner` and `repo` (or `name`),
   * otherwise the event's repository, otherwise TARGET_REPO.
   */
  readonly repository?: string;
  /** The operation to execute, if the document has several. */
  readonly operationName?: string;
  /**
   * Types of errors that do not fail the call, such as `["NOT_FOUND"]` if absence is an answer. The call resolves with
   * the other data: a field with such an error is null, or missing if there is no data.
   */
  readonly allow?: readonly string[];
  /** Such as `{ "graphql-features": "sub_issues" }`. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Sends it once per attempt, as in `RequestOptions`. */
  readonly retry?: false;
};

/** Values of a document's variables, by name without `$`. Headers are an option. */
export type GraphQLVariables = { readonly [name: string]: unknown; readonly headers?: never };

/** An error in a GraphQL answer, in GitHub's words and without secrets. */
export type GraphQLError = {
  /**
   * `NOT_FOUND`, `FORBIDDEN`, `UNPROCESSABLE`, …; for an invalid query, GitHub's code, such as `undefinedField`, or
   * nothing.
   */
  readonly type?: string;
  readonly message: string;
  /** Its place in the answer, by the names in the query: `repository.pullRequest`. */
  readonly path?: string;
};
