/** What a person did not ask for, told in one line; the command ends with exit code 1. */
export class CommandError extends Error {
  override readonly name = "CommandError";
  /** The service's HTTP status; undefined when it did not answer. */
  readonly status: number | undefined;
  /** Of a re-run: the run is under way, or its group has a newer one. */
  readonly notNeeded: boolean;

  constructor(
    message: string,
    { status, cause, notNeeded = false }: { status?: number; cause?: unknown; notNeeded?: boolean } = {},
  ) {
    super(message, { cause });
    this.status = status;
    this.notNeeded = notNeeded;
  }
}

export const JSON_OPTION = ["--json", "print JSON, for scripts"] as const;
