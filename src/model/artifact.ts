export type Artifacts = {
  /**
   * The files of an Actions run's artifact. If several artifacts have this name, such as after a re-run, the newest one
   * counts. The files stay in memory, and nothing is written to a disk. The artifact's creator has chosen the paths.
   * @throws PermanentFailure if the run has no such artifact, if it has expired, if it has more than 50 MB, packed or
   * unpacked, or if it is damaged.
   */
  artifact(repository: string, runId: number, name: string): Promise<ArtifactFiles>;
};

/** Bytes by path, in the order of the zip. Folders have no entry. */
export type ArtifactFiles = ReadonlyMap<string, Uint8Array> & {
  /**
   * A file as text: UTF-8, or UTF-16 with a byte order mark. Undefined if there is no such file.
   * @throws PermanentFailure if the file is not valid text.
   */
  text(path: string): string | undefined;
};
