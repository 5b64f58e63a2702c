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

/** The meanings of variables, in the words with which docs/configuration.md begins. A test compares both. */
const MEANINGS = {
  AUTH_TOKENS: "Comma-separated tokens of callers",
  DATABASE_URL: "PostgreSQL database to use instead of DATA_DIR",
  DATA_DIR: "Folder of the database (default: ./data)",
  DEPLOYMENT_REPO: "Repository (owner/name) with the values files",
  GH_RUNNER_TOKEN: "One of the service's AUTH_TOKENS",
  GH_RUNNER_TOKEN_FILE: "File that holds this token",
  GH_RUNNER_URL: "Address of the service (default: http://localhost:9555)",
  GITHUB_TOKEN: "Token for GitHub",
  PORT: "TCP port of the service (default: 9555)",
  TARGET_REPO: "Repository (owner/name) that receives the event",
  WORKFLOWS_DIR: "Folder of your workflows",
} as const;

type Variable = keyof typeof MEANINGS;

function environment(names: readonly Variable[]): string {
  const width = Math.max(...names.map((name) => name.length));
  const lines = names.map((name) => `  ${name.padEnd(width)}  ${MEANINGS[name]}`);
  return ["", "Environment:", ...lines].join("\n");
}

/** The environment variables of a command that calls a running service, for its help. */
export const SERVICE_HELP = environment(["GH_RUNNER_URL", "GH_RUNNER_TOKEN", "GH_RUNNER_TOKEN_FILE"]);

/** The most important environment variables of a command that reads the service's settings, for its help. */
export function settingsHelp(...names: readonly Variable[]): string {
  return `${environment(names)}\n\nAll settings: docs/configuration.md`;
}

/** For the help of a command that opens the service's database. */
export const STORE_HELP = settingsHelp("DATA_DIR", "DATABASE_URL");

/** For the help of a command that reads all settings. */
export const ALL_SETTINGS_HELP = settingsHelp(
  "PORT",
  "WORKFLOWS_DIR",
  "DATA_DIR",
  "DATABASE_URL",
  "AUTH_TOKENS",
  "GITHUB_TOKEN",
  "TARGET_REPO",
  "DEPLOYMENT_REPO",
);
