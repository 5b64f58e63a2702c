/** A promise that is not taken up for so long after its time is given to others. */
const GRACE_MS = 30_000;

/**
 * The line of writes that were refused for now, each with the time that it was promised (epoch milliseconds). Without
 * it everybody would be told the same time, and all but a few be refused again and again. Whoever has to be told a later
 * time keeps the place: nobody who came after gets ahead.
 */
export function waitingLine() {
  /** In the order in which they came. */
  const line = new Map<string, number>();
  let tidiedAt = 0;

  function tidy(now: number): void {
    // The clock was set back, and the times mean nothing any more.
    if (now < tidiedAt) line.clear();
    else if (now - tidiedAt < GRACE_MS / 10) return;
    tidiedAt = now;
    for (const [name, at] of line) if (at < now - GRACE_MS) line.delete(name);
  }

  return {
    /** The time that this name was promised. */
    placeOf(name: string, now: number): number | undefined {
      tidy(now);
      return line.get(name);
    },
    /** The times of those ahead of this name, earliest first: of all when it has no place yet. */
    ahead(name: string): readonly number[] {
      const times: number[] = [];
      for (const [other, at] of line) {
        if (other === name) break;
        times.push(at);
      }
      return times.sort((a, b) => a - b);
    },
    /** Takes a place at the end, or keeps the one that it has. */
    join: (name: string, at: number): void => void line.set(name, at),
    leave: (name: string): void => void line.delete(name),
  };
}
