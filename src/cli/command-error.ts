/** What a person did not ask for, told in one line; the command ends with exit code 1. */
export class CommandError extends Error {
  override readonly name = "CommandError";
  /** The service's HTTP status; undefined when it did not answer. */
  readonly status: number | undefined;

  constructor(message: string, { status, cause }: { status?: number; cause?: unknown } = {}) {
    super(message, { cause });
    this.status = status;
  }
}
