import { ConfigError, readConfig } from "../service/config/config.ts";
import type { StoreConfig } from "../service/config/store.ts";
import { CommandError } from "./command-error.ts";

/** Works on the store of the settings; one message says what its owner can fix. */
export async function withStore<T>(work: (store: StoreConfig) => Promise<T>): Promise<T> {
  try {
    return await work(readConfig().store);
  } catch (error) {
    const { message } = error as Error;
    if (error instanceof ConfigError || message.startsWith("Cannot "))
      throw new CommandError(message, { cause: error });
    throw error;
  }
}
