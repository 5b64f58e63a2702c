import { visible } from "../model/visible.ts";
import { withoutShapes } from "../observe/secrets.ts";
import { CommandError } from "./command.ts";
import { commandLine } from "./command-line.ts";

// Without `await`: V8's code cache needs a script, so the release is one.
commandLine()
  .parseAsync()
  .catch((error: unknown) => {
    const { name, message, stack } = error as Error;
    // gh-runner's messages begin with "Cannot ". So do those of a TypeError, which is an internal error and needs its stack.
    const isMessage = name === "Error" && message.startsWith("Cannot ");
    const isForUsers = error instanceof CommandError || name === "ConfigError" || isMessage;
    process.stderr.write(`${visible(withoutShapes(isForUsers ? message : (stack ?? String(error))))}\n`);
    process.exitCode = 1;
  });
