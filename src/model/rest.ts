import type { Endpoints } from "@octokit/types";
import type { DataOf, GitHubAnswer, RequestOptions, RequestParameters } from "./request.ts";
import type { RestRoutes } from "./rest-routes.ts";

/**
 * The requests of GitHub's REST API by Octokit's names, each with the types of its route. Their table is read when the
 * first of them is called. A name that Octokit does not have fails with the nearest one.
 */
export type Rest = {
  readonly [Scope in keyof RestRoutes]: {
    readonly [Name in keyof RestRoutes[Scope]]: RestMethod<RestRoutes[Scope][Name]>;
  };
};

/** One request: `github.rest.issues.get`. It takes what `request` takes after the route, and fails as that does. */
export type RestMethod<Route> = {
  (...given: RestArguments<Route>): Promise<GitHubAnswer<DataOf<Route>>>;
  /** There for the types alone. */
  readonly [ROUTE]?: Route;
};

declare const ROUTE: unique symbol;

/** GitHub has removed some routes since Octokit's names were made. */
type RestArguments<Route> = Route extends keyof Endpoints
  ? [...Optional<RequestParameters<Route>>, options?: RequestOptions]
  : [parameters?: Readonly<Record<string, unknown>>, options?: RequestOptions];

type Optional<Parameters> =
  Record<never, never> extends Parameters ? [parameters?: Parameters] : [parameters: Parameters];

/**
 * What a list route has, on all of its pages: `paginate("GET /repos/{owner}/{repo}/labels", { ...repo })`, or by Octokit's
 * name, `paginate(github.rest.issues.listLabelsForRepo, { ...repo })`. Pages are followed by GitHub's `link` headers, with
 * 100 items a page unless `per_page` is given. A list that an answer wraps, such as `workflow_runs`, is unwrapped.
 *
 * All items are in memory at once. Where there may be more than a few thousand, keep what you need of each page (`map`), or
 * read page by page: `for await (const { data } of github.paginate.iterator(route, parameters))`.
 * @throws PermanentFailure where the answer is not a list, and where the items are more than the service has memory for.
 */
export type Paginate = {
  /** For a route that the types do not know. Those that they know stand last, since it is the last one that a mistake is explained by. */
  <Route extends `GET /${string}`>(
    from: Route extends keyof Endpoints ? never : Route,
    parameters?: Readonly<Record<string, unknown>>,
    options?: PageOptions,
  ): Promise<unknown[]>;
  <Route extends `GET /${string}`, Mapped>(
    from: Route extends keyof Endpoints ? never : Route,
    parameters: Readonly<Record<string, unknown>>,
    map: (page: Page<unknown>, done: () => void) => readonly Mapped[],
    options?: PageOptions,
  ): Promise<Mapped[]>;
  /** @param map what is kept of a page. After it has called `done`, no further page is asked for. */
  <Route extends ListRoute, Mapped>(
    from: (Route | RestMethod<Route>) & IfList<Route>,
    parameters: RequestParameters<Route>,
    map: (page: Page<ItemOf<Route>>, done: () => void) => readonly Mapped[],
    options?: PageOptions,
  ): Promise<Mapped[]>;
  <Route extends ListRoute>(
    from: (Route | RestMethod<Route>) & IfList<Route>,
    ...given: [...Optional<RequestParameters<Route>>, options?: PageOptions]
  ): Promise<ItemOf<Route>[]>;
  /** Page by page. The next page is asked for when the loop comes back for it, and none after a `break`. */
  readonly iterator: {
    <Route extends `GET /${string}`>(
      from: Route extends keyof Endpoints ? never : Route,
      parameters?: Readonly<Record<string, unknown>>,
      options?: PageOptions,
    ): AsyncIterable<Page<unknown>>;
    <Route extends ListRoute>(
      from: (Route | RestMethod<Route>) & IfList<Route>,
      ...given: [...Optional<RequestParameters<Route>>, options?: PageOptions]
    ): AsyncIterable<Page<ItemOf<Route>>>;
  };
};

/** One page of a list. */
export type Page<Item> = Omit<GitHubAnswer<Item[]>, "data"> & {
  /** The items; also where the answer wraps its list, as in `{ total_count, workflow_runs: [...] }`. */
  readonly data: Item[];
};

export type PageOptions = Pick<RequestOptions, "repository">;

type ListRoute = keyof Endpoints & `GET ${string}`;

type IfList<Route extends ListRoute> = [ItemOf<Route>] extends [never] ? "this route has no list" : unknown;

/** What a list route is a list of; never, where it is no list. */
type ItemOf<Route extends ListRoute> = "per_page" extends keyof Endpoints[Route]["parameters"]
  ? ItemIn<DataOf<Route>> | WrappedIn<DataOf<Route>>
  : ItemIn<DataOf<Route>>;

type ItemIn<Data> = Data extends readonly (infer Item)[] ? Item : never;

/**
 * Of an answer such as `{ total_count, workflow_runs: [...] }`; of a search, its `items`. What has a `url` is a thing, and its
 * lists are parts of it.
 */
type WrappedIn<Data> = Data extends readonly unknown[] | { readonly url: string }
  ? never
  : Data extends { readonly items: readonly (infer Item)[] }
    ? Item
    : { [Name in keyof Data]-?: ItemIn<NonNullable<Data[Name]>> }[keyof Data];

/** `request` for any route. */
export type AnyRequest = (
  route: string,
  parameters: Readonly<Record<string, unknown>>,
  options: RequestOptions,
) => Promise<GitHubAnswer<unknown>>;

/** Does the work of one call that a workflow makes, under this name after `github.`. */
export type FollowCall = <T>(what: string, work: () => Promise<T>) => Promise<T>;

/** Makes `rest` and `paginate` over an attempt's `request`. */
export type OctokitNames = (
  request: AnyRequest,
  call: FollowCall,
) => { readonly rest: Rest; readonly paginate: Paginate };
