/** A workflow may make its routes of names: more than these are not remembered. */
const MAX_ROUTES = 500;

/** What is made of a route template, made once: there are few of them, and each is used again and again. */
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
