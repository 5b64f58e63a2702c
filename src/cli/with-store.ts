import { type Config, ConfigError, readConfig } from "../service/config/config.ts";
import { CommandError } from "./command-error.ts";

/** Works on the store of the settings; one message says what its owner can fix. */
export async function withStore<T>(work: (settings: Config) => Promise<T>): Promise<T> {
  try {
    return await work(readConfig());
  } catch (error) {
    const { message } = error as Error;
    if (error instanceof ConfigError || message.startsWith("Cannot "))
      throw new CommandError(message, { cause: error });
    throw error;
  }
}
