/** Common work of small bots: change one file, and open a pull request for it. */
export type Changes = {
  /**
   * Writes this text to a repository's file, with one commit. Makes no commit if the file already has this text. A
   * missing branch is created from the default branch. Concurrent commits are kept: the file is then read again. After
   * a lost answer, the file is checked before anything is written again.
   * @param path from the repository's root, without a leading `/`.
   */
  writeFile(
    repository: string,
    path: string,
    text: string | Uint8Array,
    options: WriteFileOptions,
  ): Promise<WrittenFile>;
  /**
   * Opens the pull request of a branch, or updates the open one: its title, body and labels. There is never a second
   * one.
   * @returns undefined if there is nothing to merge: the branch does not exist, or has no new commit. So you can call
   * it after each `writeFile`.
   */
  openPull(pull: PullToOpen): Promise<OpenedPull | undefined>;
};

export type WriteFileOptions = {
  /** The commit's message. */
  readonly message: string;
  /** Default: the default branch. */
  readonly branch?: string;
  /** The branch from which a missing branch is created. Default: the default branch. */
  readonly base?: string;
};

export type WrittenFile = {
  /** False: the file already had this text. */
  readonly changed: boolean;
  /** The full hash of the new commit. Missing in a dry run. */
  readonly commit?: string;
};

export type PullToOpen = {
  readonly repository: string;
  /** The branch with the changes; `octocat:fix` in octocat's fork. */
  readonly head: string;
  /** The branch to merge into. Default: the default branch. */
  readonly base?: string;
  readonly title: string;
  /** Markdown. */
  readonly body?: string;
  /** For a new pull request. An open one does not change. */
  readonly draft?: boolean;
  /** Labels to add. Existing labels stay. */
  readonly labels?: readonly string[];
};

export type OpenedPull = {
  readonly number: number;
  /** Its web page; empty in a dry run that would open it. */
  readonly htmlUrl: string;
  /** False: it was already open. */
  readonly created: boolean;
};
