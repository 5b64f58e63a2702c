/**
 * The address of the next page in GitHub's header `link`; undefined on the last page.
 * @see https://docs.github.com/en/rest/using-the-rest-api/using-pagination-in-the-rest-api
 */
export function nextLink(link: string | readonly string[] | undefined): string | undefined {
  const links = [...String(link ?? "").matchAll(/<([^<>]*)>([^<]*)/g)];
  return links.find(([, , about = ""]) => /;\s*rel\s*=\s*(?:next\b|"(?:[^"]*\s)?next[\s"])/i.test(about))?.[1];
}
