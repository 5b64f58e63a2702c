/** A duration of up to 365 days: `"500ms"`, `"90s"`, `"5m"`, `"1.5h"`, `"7d"`. */
export type Duration = `${number}${Unit}`;

type Unit = keyof typeof UNIT_MS;

const UNIT_MS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/**
 * Its milliseconds.
 * @throws RangeError if it is not a duration, or longer than 365 days.
 */
export function millisecondsOf(duration: string): number {
  const [, number = "", unit = ""] = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(duration) ?? [];
  const milliseconds = Number(number) * (UNIT_MS[unit as Unit] ?? Number.NaN);
  const got = JSON.stringify(duration);
  if (Number.isNaN(milliseconds) || number === "") {
    throw new RangeError(`expected a length of time such as "90s", "5m" or "2h", got ${got}`);
  }
  if (milliseconds > 365 * UNIT_MS.d) throw new RangeError(`expected a length of time of at most "365d", got ${got}`);
  return milliseconds;
}
