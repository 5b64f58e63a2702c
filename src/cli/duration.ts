import { CommandError } from "./command-error.ts";

const UNITS_MS = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** `30m`, `2h` or `3d` in milliseconds. */
export function parseDuration(text: string): number {
  const [, number, unit] = /^(\d{1,6})([smhd])$/.exec(text) ?? [];
  if (number === undefined) throw new CommandError(`Expected a duration such as 30m, 2h or 3d, got "${text}".`);
  return Number(number) * UNITS_MS[unit as keyof typeof UNITS_MS];
}

/** Milliseconds in the largest unit that leaves a readable number: `450ms`, `59s`, `47h`, `12d`. */
export function shortDuration(milliseconds: number): string {
  const ms = Math.max(0, milliseconds);
  if (ms < UNITS_MS.s) return `${Math.round(ms)}ms`;
  if (ms < UNITS_MS.m) return `${Math.floor(ms / UNITS_MS.s)}s`;
  if (ms < UNITS_MS.h) return `${Math.floor(ms / UNITS_MS.m)}m`;
  if (ms < 2 * UNITS_MS.d) return `${Math.floor(ms / UNITS_MS.h)}h`;
  return `${Math.floor(ms / UNITS_MS.d)}d`;
}
