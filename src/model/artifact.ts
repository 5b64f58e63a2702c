export type Artifacts = {
  /**
   * The files of an artifact of an Actions run: of several with this name, such as after a re-run, the newest. Up to 50 MB, packed
   * and unpacked. Nothing is written to a disk: the paths are names in the zip, as the maker of the artifact chose them.
   * @throws PermanentFailure when the run has no such artifact, or it has expired.
   */
  artifact(repository: string, runId: number, name: string): Promise<ArtifactFiles>;
};

/** Bytes by path, in the order of the zip. */
export type ArtifactFiles = ReadonlyMap<string, Uint8Array> & {
  /** A file as text (UTF-8); undefined when there is no such file. */
  text(path: string): string | undefined;
};
