/** Whether an attempt still has its run. GitHub's client asks right before it sends a request. */
export type Lease = {
  /** Whether the attempt may send. Asks the store if this process may have lost the run. */
  holds(): Promise<boolean>;
  /**
   * Call this when a request is sent. `abort` ends the request when the attempt is cut off, and immediately if it
   * is over. Call the returned function when the request is answered.
   */
  sent(abort: (reason: Error) => void): () => void;
};
