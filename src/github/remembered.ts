/**
 * Values that are fetched when they are first needed. Everybody who needs one while it is under way shares the request;
 * a failure is told to all of them and not kept.
 */
export function remembered<T>() {
  const values = new Map<string, T>();
  const underWay = new Map<string, Promise<T>>();

  return {
    /** The value under this key if it is still good, else a new one. */
    async get(key: string, isGood: (value: T) => boolean, fetch: () => Promise<T>): Promise<T> {
      const shared = underWay.get(key);
      if (shared !== undefined) return shared;
      const known = values.get(key);
      if (known !== undefined && isGood(known)) return known;
      const fetching = fetch()
        .then((value) => {
          values.set(key, value);
          return value;
        })
        .finally(() => underWay.delete(key));
      underWay.set(key, fetching);
      return fetching;
    },
    /** Drops every value of which this holds. */
    forget(isOver: (value: T) => boolean): void {
      for (const [key, value] of values) if (isOver(value)) values.delete(key);
    },
  };
}
