import type { Endpoints } from "@octokit/types";
import type { DataOf, GitHubAnswer, RequestOptions, RequestParameters } from "./request.ts";
import type { RestRoutes } from "./rest-routes.ts";

/**
 * The requests of GitHub's REST API by Octokit's names, each with its route's types. Their table is loaded on first
 * use. An unknown name fails and suggests the nearest one.
 */
export type Rest = {
  readonly [Scope in keyof RestRoutes]: {
    readonly [Name in keyof RestRoutes[Scope]]: RestMethod<RestRoutes[Scope][Name]>;
  };
};

/** One request: `github.rest.issues.get`. It has the arguments and errors of `request`, without the route. */
export type RestMethod<Route> = {
  (...given: RestArguments<Route>): Promise<GitHubAnswer<DataOf<Route>>>;
  /** Only for the types. */
  readonly [ROUTE]?: Route;
};

declare const ROUTE: unique symbol;

/** GitHub has removed some routes since Octokit's names were generated. */
type RestArguments<Route> = Route extends keyof Endpoints
  ? [...Optional<RequestParameters<Route>>, options?: RequestOptions]
  : [parameters?: Readonly<Record<string, unknown>>, options?: RequestOptions];

type Optional<Parameters> =
  Record<never, never> extends Parameters ? [parameters?: Parameters] : [parameters: Parameters];

/**
 * Reads all pages of a list route: `paginate("GET /repos/{owner}/{repo}/labels", { ...repo })`, or by Octokit's name,
 * `paginate(github.rest.issues.listLabelsForRepo, { ...repo })`. It follows GitHub's `link` headers, with 100 items per
 * page unless you set `per_page`. It unwraps lists such as `workflow_runs`.
 *
 * All items are in memory at the same time. If there may be more than a few thousand, keep only what you need of each
 * page (`map`), or read page by page: `for await (const { data } of github.paginate.iterator(route, parameters))`.
 * @throws PermanentFailure if the answer is not a list, or if the items exceed the service's memory.
 */
export type Paginate = {
  /** For a route without types. The overloads with types come last, because error messages refer to the last one. */
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
  /** @param map returns what to keep of a page. After it calls `done`, no further page is requested. */
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
  /** Page by page. The next page is requested when the loop continues, and none after a `break`. */
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
  /** The items, even if the answer wraps its list, as in `{ total_count, workflow_runs: [...] }`. */
  readonly data: Item[];
};

export type PageOptions = Pick<RequestOptions, "repository">;

type ListRoute = keyof Endpoints & `GET ${string}`;

type IfList<Route extends ListRoute> = [ItemOf<Route>] extends [never] ? "this route has no list" : unknown;

/** The items of a list route; never if it has no list. */
type ItemOf<Route extends ListRoute> = "per_page" extends keyof Endpoints[Route]["parameters"]
  ? ItemIn<DataOf<Route>> | WrappedIn<DataOf<Route>>
  : ItemIn<DataOf<Route>>;

type ItemIn<Data> = Data extends readonly (infer Item)[] ? Item : never;

/**
 * The items of an answer such as `{ total_count, workflow_runs: [...] }`; for a search, its `items`. A value with a
 * `url` is an object, and its lists are parts of it.
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

/** Runs one call of a workflow, with this name after `github.`. */
export type FollowCall = <T>(what: string, work: () => Promise<T>) => Promise<T>;

/** Creates `rest` and `paginate` on top of an attempt's `request`. */
export type OctokitNames = (
  request: AnyRequest,
  call: FollowCall,
) => { readonly rest: Rest; readonly paginate: Paginate };
