/** What stands for all values beyond the bound. */
const OTHER = "other";

/**
 * Keeps a label from growing without end: the first so many different values stay what they are, the rest are one.
 * Each value of a label is a series of its own in Prometheus, and costs memory there and here for ever.
 */
export function bounded(most: number): (value: string) => string {
  const known = new Set<string>();
  return (value) => {
    if (known.has(value)) return value;
    if (known.size >= most) return OTHER;
    known.add(value);
    return value;
  };
}
