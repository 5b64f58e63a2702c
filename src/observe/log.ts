import { type DestinationStream, pino, stdTimeFunctions } from "pino";
import type { Log } from "../model/log.ts";
import type { Secrets } from "../model/secrets.ts";
import { visible, visibleName } from "../model/visible.ts";

/**
 * Opens a log of JSON lines, one object per line. Every string goes through `secrets.scrub`, so no secret appears.
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

/**
 * For a terminal: one coloured line per record. Nothing in a record can control the terminal. Loaded only for a
 * terminal.
 */
export async function terminalDestination(destination?: DestinationStream): Promise<DestinationStream> {
  const { default: pretty } = await import("pino-pretty");
  const lines = pretty({
    ...{ colorize: true, translateTime: "SYS:HH:MM:ss", singleLine: true, sync: true },
    ...(destination && { destination: destination as NodeJS.WritableStream }),
  });
  return { write: (line) => void lines.write(`${JSON.stringify(shown(JSON.parse(line)))}\n`) };
}

/** A record with invisible characters escaped. This includes line breaks, with which a message could forge a record. */
function shown(value: unknown, name?: string): unknown {
  if (typeof value === "string") return name === "stack" ? visible(value) : visibleName(value);
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map((each) => shown(each));
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [visibleName(key), shown(each, key)]));
}
