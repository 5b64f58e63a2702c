import { type DestinationStream, pino, stdTimeFunctions } from "pino";
import type { Log } from "../model/log.ts";
import type { Secrets } from "../model/secrets.ts";
import { visible, visibleName } from "../model/visible.ts";

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

/** For a person at a terminal: one coloured line a record, and nothing in it steers the terminal. Loaded only there. */
export async function terminalDestination(destination?: DestinationStream): Promise<DestinationStream> {
  const { default: pretty } = await import("pino-pretty");
  const lines = pretty({
    ...{ colorize: true, translateTime: "SYS:HH:MM:ss", singleLine: true, sync: true },
    ...(destination && { destination: destination as NodeJS.WritableStream }),
  });
  return { write: (line) => void lines.write(`${JSON.stringify(shown(JSON.parse(line)))}\n`) };
}

/** A record with escapes for what cannot be seen. A line break, with which a message could forge a record, is one, too. */
function shown(value: unknown, name?: string): unknown {
  if (typeof value === "string") return name === "stack" ? visible(value) : visibleName(value);
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map((each) => shown(each));
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [visibleName(key), shown(each, key)]));
}
