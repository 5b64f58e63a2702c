import { PermanentFailure } from "../../model/failure.ts";
import { MAX_VALUES } from "../../model/json-values.ts";
import { nextLink } from "../../model/next-link.ts";
import type { GitHubAnswer } from "../../model/request.ts";
import type { AnyRequest, FollowCall, Page, PageOptions, Paginate } from "../../model/rest.ts";
import { nameOf, type Resolved, type Table } from "./rest.ts";

type Parameters = Readonly<Record<string, unknown>>;
type Map = (page: Page<unknown>, done: () => void) => readonly unknown[];

/** GitHub's maximum. */
const PER_PAGE = 100;

/**
 * Lists over `request`, page by page. If a page fails for a passing reason, `request` retries only that page.
 * @param apiUrl a `link` to any other address is not followed: the token would go there.
 * @param maxKept how many values one list may hold in memory.
 */
export function paginating(
  table: Table,
  request: AnyRequest,
  call: FollowCall,
  apiUrl: string,
  maxKept = MAX_KEPT,
): Paginate {
  async function* pagesOf(from: unknown, given: Parameters, options: PageOptions): AsyncGenerator<Page<unknown>> {
    const { route: first, parameters } = await resolved(from, given);
    const { owner, repo, headers, mediaType } = parameters;
    const tried = `reading the pages of ${first}`;
    if (!/^GET /.test(first)) {
      throw new PermanentFailure({ tried, happened: "only a GET has pages", remedy: "Use github.request instead." });
    }
    // GitHub's links name a repository by its number, but the token is chosen by the repository's name.
    const named = typeof owner === "string" && typeof repo === "string" ? `${owner}/${repo}` : undefined;
    const repository = options.repository ?? named;
    const all = repository === undefined ? {} : { repository };
    let answer = await request(first, { per_page: PER_PAGE, ...parameters }, all);
    for (let route = first; ; ) {
      yield pageOf(answer, tried);
      const next = nextRoute(answer, apiUrl, tried);
      if (next === undefined) return;
      if (next === route) {
        throw new PermanentFailure({
          tried,
          happened: "the link to the next page points to the same page",
          remedy: PROXY,
        });
      }
      route = next;
      answer = await request(
        route,
        { ...(headers !== undefined && { headers }), ...(mediaType !== undefined && { mediaType }) },
        all,
      );
    }
  }

  const resolved = async (from: unknown, given: Parameters): Promise<Resolved> => {
    const [scope, name] = nameOf(from) ?? [];
    if (scope !== undefined && name !== undefined) return table.resolve(scope, name, given);
    if (typeof from === "string") return { route: from, parameters: given };
    throw new PermanentFailure({
      tried: "reading the pages of a list",
      happened: `${typeof from} is not a route and not a function of github.rest`,
      remedy: 'Write github.paginate("GET /repos/{owner}/{repo}/labels", { … }).',
    });
  };

  const about = (from: unknown) => `paginate ${nameOf(from)?.join(".") ?? String(from)}`;

  async function collect(from: unknown, given: Parameters, map: Map, options: PageOptions): Promise<unknown[]> {
    const all: unknown[] = [];
    const room = { left: maxKept };
    let isDone = false;
    for await (const page of pagesOf(from, given, options)) {
      const kept = map(page, () => {
        isDone = true;
      });
      take(room, kept);
      if (room.left < 0) throw tooMany(about(from), all.length);
      all.push(...kept);
      if (isDone) break;
    }
    return all;
  }

  const paginate = (from: unknown, given: Parameters = {}, third: Map | PageOptions = {}, fourth: PageOptions = {}) => {
    const [map, options] = typeof third === "function" ? [third, fourth] : [({ data }: Page<unknown>) => data, third];
    return call(about(from), () => collect(from, given, map, options));
  };
  const iterator = (from: unknown, given: Parameters = {}, options: PageOptions = {}) => ({
    [Symbol.asyncIterator]() {
      const pages = pagesOf(from, given, options);
      return { next: () => call(about(from), () => pages.next()), return: () => pages.return(undefined) };
    },
  });
  return Object.assign(paginate, { iterator }) as Paginate;
}

/** The items of an answer that is a list or wraps one. */
function pageOf({ data, status, headers }: GitHubAnswer<unknown>, tried: string): Page<unknown> {
  // For an empty repository, some lists are a 204.
  const lists = data === undefined ? [[]] : Array.isArray(data) ? [data] : wrappedIn(data);
  const [list] = lists;
  if (list !== undefined && lists.length === 1) return { data: list, status, headers };
  throw new PermanentFailure({
    tried,
    happened: lists.length > 1 ? "the answer has several lists" : "the answer is not a list",
    remedy: "Use github.request, which returns the whole answer.",
  });
}

/**
 * An object with a URL is one thing, and its lists are parts of it. A search also lists why it found less (`items` and
 * others).
 */
function wrappedIn(data: unknown): unknown[][] {
  if (typeof data !== "object" || data === null || "url" in data) return [];
  if ("items" in data && Array.isArray(data.items)) return [data.items];
  return Object.values(data).filter(Array.isArray);
}

/** The route of the next page, below the API's address. */
function nextRoute({ headers }: GitHubAnswer<unknown>, apiUrl: string, tried: string): string | undefined {
  const next = nextLink(headers.link);
  if (next === undefined) return undefined;
  const api = new URL(apiUrl);
  const base = api.pathname.replace(/\/$/, "");
  const target = URL.parse(next, api);
  if (target?.origin !== api.origin || !target.pathname.startsWith(`${base}/`)) {
    const happened = `the link to the next page points to ${target?.origin ?? "no address"}, not to ${apiUrl}`;
    throw new PermanentFailure({ tried, happened, remedy: PROXY });
  }
  // In a path, the characters of a route template stand for themselves.
  const path = (target.pathname.slice(base.length) + target.search).replace(/[:{}]/g, encodeURIComponent);
  return `GET ${path}`;
}

const PROXY = "Set GITHUB_API_URL to the address that GitHub uses in its links, and check any proxy in between.";

/**
 * How much of a list is kept. One answer may have half as much, see `MAX_VALUES`. With the image's heap this is 1,900
 * whole issues.
 */
const MAX_KEPT = 2 * MAX_VALUES;

/** This many characters weigh as much as one value. */
const CHARACTERS_OF_A_VALUE = 64;

/** Subtracts the weight of a value, until nothing is left. */
function take(room: { left: number }, value: unknown): void {
  if (room.left < 0) return;
  room.left--;
  if (typeof value === "string") room.left -= Math.floor(value.length / CHARACTERS_OF_A_VALUE);
  else if (typeof value === "object" && value !== null) for (const each of Object.values(value)) take(room, each);
}

function tooMany(what: string, count: number): PermanentFailure {
  return new PermanentFailure({
    tried: `github.${what}`,
    happened: `the list is too large for the service's memory: ${count} items were read`,
    remedy:
      "Keep what you need of each page, with paginate's map function, or read page by page: for await (const { data } of github.paginate.iterator(…)).",
  });
}
