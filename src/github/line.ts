/** A promise that is not taken up for so long after its time is given to others. */
const GRACE_MS = 30_000;

/**
 * The line of writes that were refused for now, each with the time that it was promised (epoch milliseconds). Without
 * it everybody would be told the same time, and all but a few be refused again and again.
 */
export function waitingLine() {
  let line: { readonly name: string; readonly at: number }[] = [];

  const forgetStale = (now: number) => {
    if (line[0] && line[0].at < now - GRACE_MS) line = line.filter(({ at }) => at >= now - GRACE_MS);
  };

  return {
    /** The time that this name was promised. */
    placeOf(name: string, now: number): number | undefined {
      forgetStale(now);
      return line.find((each) => each.name === name)?.at;
    },
    /** The times that were promised and are not taken up yet. */
    promised(now: number): readonly number[] {
      forgetStale(now);
      return line.map(({ at }) => at);
    },
    promisedAfter: (time: number): readonly number[] => line.filter(({ at }) => at > time).map(({ at }) => at),
    join(name: string, at: number): void {
      line = [...line.filter((each) => each.name !== name), { name, at }].sort((a, b) => a.at - b.at);
    },
    leave(name: string): void {
      line = line.filter((each) => each.name !== name);
    },
  };
}
