import { type DestinationStream, type Logger, pino, stdTimeFunctions } from "pino";
import type { Secrets } from "./secrets.ts";

export type Log = Pick<Logger, "debug" | "info" | "warn" | "error">;

/**
 * JSON lines, one object a line. No secret passes: every string of a record goes through `secrets.scrub`.
 * @param destination where the lines go; standard output without it.
 */
export function openLog({
  level,
  secrets,
  destination,
}: {
  level: string;
  secrets: Secrets;
  destination?: DestinationStream | undefined;
}): Log {
  return pino(
    {
      level,
      base: null,
      timestamp: stdTimeFunctions.isoTime,
      serializers: { err: (error: unknown) => error },
      formatters: {
        level: (label) => ({ level: label }),
        log: (record) => secrets.scrubAll(record) as Record<string, unknown>,
      },
      hooks: {
        logMethod(args, method) {
          const clean = args.map((arg) => (typeof arg === "string" ? secrets.scrub(arg) : arg));
          method.apply(this, clean as typeof args);
        },
      },
    },
    destination ?? pino.destination({ dest: 1, sync: true }),
  );
}

/** For a person at a terminal: one coloured line a record. Loaded only there. */
export async function terminalDestination(): Promise<DestinationStream> {
  const { default: pretty } = await import("pino-pretty");
  return pretty({ colorize: true, translateTime: "SYS:HH:MM:ss", singleLine: true, sync: true });
}
