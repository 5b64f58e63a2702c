/**
 * An address without what may be a secret: user, query, and any part of the path that is long and has digits, as in the
 * address of a webhook. One in seventy of Slack's secrets (24 letters and digits) has no digit, so letters alone are
 * a secret, too, when they are more than words have.
 */
export function shownUrl(url: string | URL): string {
  const parsed = URL.parse(url);
  if (!parsed) return "a URL";
  const path = parsed.pathname
    .split("/")
    .map((part) => (/(?=.*\d)(?=.*[a-z]).{16}|[a-z\d]{20}/i.test(part) ? "…" : part));
  return parsed.host ? `${parsed.protocol}//${parsed.host}${path.join("/")}` : parsed.protocol;
}
