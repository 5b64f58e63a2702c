/** What small bots do: change one file, and open the pull request for it. */
export type Changes = {
  /**
   * Makes a file of a repository hold this text, with one commit; no commit where it holds it already. A branch that does not exist
   * is made from the default branch. What others commit at the same time is kept: the file is then read again. After a
   * lost answer it is looked at before anything is written again.
   * @param path below the repository's folder, without a `/` at its beginning.
   */
  writeFile(
    repository: string,
    path: string,
    text: string | Uint8Array,
    options: WriteFileOptions,
  ): Promise<WrittenFile>;
  /**
   * Opens the pull request of a branch, or updates the one that is open: its title, body and labels. There are never two.
   * @returns undefined where there is nothing to merge: no such branch, or no commit that the base lacks. So it can follow
   * each `writeFile`.
   */
  openPull(pull: PullToOpen): Promise<OpenedPull | undefined>;
};

export type WriteFileOptions = {
  /** Of the commit. */
  readonly message: string;
  /** The default branch without it. */
  readonly branch?: string;
  /** The branch that a missing branch is made from; the default branch without it. */
  readonly base?: string;
};

export type WrittenFile = {
  /** False: the file had this text. */
  readonly changed: boolean;
  /** The commit that was made, its full hash. There is none in a dry run. */
  readonly commit?: string;
};

export type PullToOpen = {
  readonly repository: string;
  /** The branch with the changes; `octocat:fix` in the fork of octocat. */
  readonly head: string;
  /** The branch that they are for; the default branch without it. */
  readonly base?: string;
  readonly title: string;
  /** Markdown. */
  readonly body?: string;
  /** Of a pull request that is opened; an open one stays as it is. */
  readonly draft?: boolean;
  /** Are added. Those that people have added stay. */
  readonly labels?: readonly string[];
};

export type OpenedPull = {
  readonly number: number;
  /** Its page for people; empty in a dry run that would open it. */
  readonly htmlUrl: string;
  /** False: it was open already. */
  readonly created: boolean;
};
