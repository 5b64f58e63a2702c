export type Artifacts = {
  /**
   * The files of an Actions run's artifact. If several have this name, such as after a re-run, the newest. Up to 50 MB,
   * packed and unpacked. Nothing is written to a disk: the paths are names in the zip, chosen by the artifact's
   * creator.
   * @throws PermanentFailure if the run has no such artifact, or it has expired.
   */
  artifact(repository: string, runId: number, name: string): Promise<ArtifactFiles>;
};

/** Bytes by path, in the order of the zip. */
export type ArtifactFiles = ReadonlyMap<string, Uint8Array> & {
  /** A file as text (UTF-8); undefined if there is no such file. */
  text(path: string): string | undefined;
};
