/** An error for the user: the command prints its message without a stack, and exits with code 1. */
export class CommandError extends Error {
  override readonly name = "CommandError";
  /** The service's HTTP status; undefined if it did not answer. */
  readonly status: number | undefined;
  /** A re-run isn't needed: the run is active, or its group has a newer run. */
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

export const JSON_OPTION = ["--json", "Print JSON, for scripts"] as const;

/** The end of a command's help: what each example does, and its command line. A test parses all of them. */
export function examples(...all: readonly (readonly [does: string, line: string])[]): string {
  return `\nExamples:\n${all.map(([does, line]) => `  # ${does}\n  $ ${line}`).join("\n")}`;
}

/** For the help of a command that talks to a running service. */
export const SERVICE_HELP = `
Environment:
  GH_RUNNER_URL    Address of the service (default: http://localhost:9555)
  GH_RUNNER_TOKEN  One of its AUTH_TOKENS, or a file with it: GH_RUNNER_TOKEN_FILE`;
