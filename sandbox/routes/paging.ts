import type { Call, World } from "./reply.ts";

const DEFAULT_PER_PAGE = 30;
const MAX_PER_PAGE = 100;

/**
 * The page of a list that a call asks for, and the headers that name the next one.
 * @see https://docs.github.com/en/rest/using-the-rest-api/using-pagination-in-the-rest-api
 */
export function pageOf<T>(all: readonly T[], { path, query }: Call, { base }: World) {
  const perPage = Math.min(Number(query.get("per_page")) || DEFAULT_PER_PAGE, MAX_PER_PAGE);
  const page = Math.max(1, Number(query.get("page")) || 1);
  const isLast = page * perPage >= all.length;
  const next = new URLSearchParams({ ...Object.fromEntries(query), page: String(page + 1) });
  return {
    items: all.slice((page - 1) * perPage, page * perPage),
    headers: isLast ? {} : { link: `<${base}${path}?${next}>; rel="next"` },
  };
}
