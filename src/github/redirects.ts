import type { Answer } from "./answer.ts";

/** The path that an answer redirects to, if it is on the same host. */
export function redirectPath({ status, headers }: Answer, origin: string): string | undefined {
  if (![301, 307, 308].includes(status) || !headers.location) return undefined;
  const target = URL.parse(headers.location, origin);
  return target?.origin === origin ? target.pathname + target.search : undefined;
}

/** After this time the old name is asked again: another repository may have taken it. */
const REMEMBERED_MS = 60_000;

/**
 * Where renamed repositories have moved, from recent redirects. Without it, each request to one would be two requests,
 * and GitHub's limits count both.
 * @param now milliseconds of a clock that never goes back.
 */
export function movedRepositories(apiPath: string, now: () => number = () => performance.now()) {
  const moved = new Map<string, { readonly to: string; readonly until: number }>();
  const named = new RegExp(`^${RegExp.escape(apiPath)}/repos/[^/?]+/[^/?]+`, "i");
  const numbered = new RegExp(`^${RegExp.escape(apiPath)}/repositories/\\d+`);

  return {
    /** The path that avoids the redirect. */
    pathNow(path: string): string {
      if (moved.size === 0) return path;
      const name = named.exec(path)?.[0];
      const known = name === undefined ? undefined : moved.get(name.toLowerCase());
      if (name === undefined || known === undefined) return path;
      if (known.until > now()) return known.to + path.slice(name.length);
      moved.delete(name.toLowerCase());
      return path;
    },
    /** A request to the first path was redirected to the second. */
    redirected(from: string, to: string): void {
      const name = named.exec(from)?.[0];
      const target = numbered.exec(to)?.[0];
      if (name === undefined || target === undefined) return;
      // The rest may be spelled differently. A redirect to another place says nothing about the repository.
      if (from.slice(name.length) !== to.slice(target.length)) return;
      moved.set(name.toLowerCase(), { to: target, until: now() + REMEMBERED_MS });
    },
  };
}
