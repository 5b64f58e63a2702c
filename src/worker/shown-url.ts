/**
 * An address without its possible secrets: the user, the query, and any long path part with digits, as in a webhook's
 * address. One in seventy of Slack's secrets (24 letters and digits) has no digit. So letters alone also count as a
 * secret if they are longer than words.
 */
export function shownUrl(url: string | URL): string {
  const parsed = URL.parse(url);
  if (!parsed) return "a URL";
  const path = parsed.pathname.split("/").map((part) => (SECRET_PART.test(part) ? "…" : part));
  return parsed.host ? `${parsed.protocol}//${parsed.host}${path.join("/")}` : parsed.protocol;
}

const SECRET_PART = /(?=.*\d)(?=.*[a-z]).{16}|[a-z\d]{20}/i;

/** Shorter query values are words. */
const MIN_VALUE_CHARACTERS = 6;

/** An answer without the possible secrets of the address: servers repeat it, as in `Cannot POST /services/…`. */
export function withoutAddress(text: string, url: URL): string {
  const values = [...url.searchParams.values(), url.username, url.password];
  const secrets = [
    ...url.search
      .slice(1)
      .split("&")
      .map((each) => each.slice(each.indexOf("=") + 1)),
    ...values,
    ...url.pathname.split("/").filter((part) => SECRET_PART.test(part)),
  ].filter(({ length }) => length >= MIN_VALUE_CHARACTERS);
  return secrets.toSorted((a, b) => b.length - a.length).reduce((all, each) => all.replaceAll(each, "…"), text);
}
