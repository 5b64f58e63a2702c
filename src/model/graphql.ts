export type GraphQLOptions = {
  /**
   * `owner/name`: whose token is used. Without it that of the variables `owner` and `repo` (or `name`), else the
   * repository that the event is about, else TARGET_REPO.
   */
  readonly repository?: string;
  /** Which operation of the document is meant, where it has several. */
  readonly operationName?: string;
  /**
   * Types of errors that do not fail the call: `["NOT_FOUND"]` where absence is an answer. It resolves with the data that
   * came beside them: a field with such an error is null, or missing where nothing came.
   */
  readonly allow?: readonly string[];
  /** Such as `{ "graphql-features": "sub_issues" }`. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent once in an attempt, as in `RequestOptions`. */
  readonly retry?: false;
};

/** Values of a document's variables, by name without `$`. Headers are an option. */
export type GraphQLVariables = { readonly [name: string]: unknown; readonly headers?: never };

/** An error in an answer of GraphQL, in GitHub's words and without secrets. */
export type GraphQLError = {
  /** `NOT_FOUND`, `FORBIDDEN`, `UNPROCESSABLE`, …; of an invalid query GitHub's code, such as `undefinedField`, or nothing. */
  readonly type?: string;
  readonly message: string;
  /** Where in the answer, by the names in the query: `repository.pullRequest`. */
  readonly path?: string;
};
