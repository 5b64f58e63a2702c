/**
 * The prefix of every path of the service behind a proxy: `/gh-runner`, without a slash at the end. Undefined if the
 * path has other than plain characters: `//gh-runner` would be another host, and in a page or a cookie, other
 * characters would end the value.
 */
export function urlPrefix(path: string): string | undefined {
  return path === "/" ? "" : PREFIX.exec(path)?.[1];
}

const PREFIX = /^((?:\/(?!\.\.?(?:\/|$))[\w.~-]+)+)\/?$/;
