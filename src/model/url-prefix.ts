/**
 * What stands before every path of the service where a proxy is in front: `/gh-runner`, without a slash at the end.
 * Undefined for what is more than a path of plain characters: `//gh-runner` would be another host, and in a page or a
 * cookie other characters would end what holds it.
 */
export function urlPrefix(path: string): string | undefined {
  return path === "/" ? "" : PREFIX.exec(path)?.[1];
}

const PREFIX = /^((?:\/(?!\.\.?(?:\/|$))[\w.~-]+)+)\/?$/;
