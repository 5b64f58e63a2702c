/** A workflow may build routes with names in them. Routes beyond this number are not remembered. */
const MAX_ROUTES = 500;

/** Computes a value for each route template once. There are few templates, and each is used often. */
export function perRoute<T>(make: (route: string) => T): (route: string) => T {
  const known = new Map<string, T>();
  return (route) => {
    const found = known.get(route);
    if (found !== undefined) return found;
    if (known.size >= MAX_ROUTES) known.clear();
    const made = make(route);
    known.set(route, made);
    return made;
  };
}
