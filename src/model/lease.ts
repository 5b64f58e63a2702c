/** That an attempt has its run, as GitHub's client sees it: asked right before a request leaves. */
export type Lease = {
  /** Whether the attempt may send; asks the store where it is not sure that the run is still this process's. */
  holds(): Promise<boolean>;
  /**
   * A request leaves: `abort` ends it when the attempt is cut off, and at once when it is over. Call what is returned when
   * it has been answered.
   */
  sent(abort: (reason: Error) => void): () => void;
};
