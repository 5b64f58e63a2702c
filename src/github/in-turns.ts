/** At most so many at once; the others wait in the order in which they came. */
export function inTurns(places: number) {
  const waiting: (() => void)[] = [];
  let free = places;
  return {
    async take<T>(work: () => Promise<T>): Promise<T> {
      if (free > 0) free--;
      else await new Promise<void>((resolve) => void waiting.push(resolve));
      try {
        return await work();
      } finally {
        const next = waiting.shift();
        if (next) next();
        else free++;
      }
    },
  };
}
