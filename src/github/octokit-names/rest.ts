import { PermanentFailure } from "../../model/failure.ts";
import { nearestName } from "../../model/nearest-name.ts";
import type { AnyRequest, FollowCall, Rest } from "../../model/rest.ts";

type Parameters = Readonly<Record<string, unknown>>;

/** A request by its route, as `request` takes it. */
export type Resolved = { readonly route: string; readonly parameters: Parameters };

/** Octokit's table of names. */
export type Table = {
  /** @throws PermanentFailure for an unknown name. */
  resolve(scope: string, name: string, parameters: Parameters): Promise<Resolved>;
};

type Methods = Readonly<Record<string, Readonly<Record<string, (given: Parameters) => Parameters>>>>;

/** The table has 1,100 names. It is loaded when the first one is called. */
export function openTable(): Table {
  let loaded: Promise<Methods> | undefined;
  return {
    async resolve(scope, name, given) {
      loaded ??= load();
      const methods = await loaded;
      const method = Object.hasOwn(methods, scope) ? methods[scope]?.[name] : undefined;
      if (method === undefined) throw unknownName(scope, name, methods);
      const { method: verb, url, baseUrl, ...parameters } = method(given);
      if (baseUrl !== given.baseUrl) throw elsewhere(scope, name, baseUrl);
      return { route: `${verb} ${url}`, parameters };
    },
  };
}

/** Uses the table's public interface, so renamed parameters and bodies that are lists work here too. */
async function load(): Promise<Methods> {
  const { restEndpointMethods } = await import("@octokit/plugin-rest-endpoint-methods");
  const merged = (defaults: Parameters) => (given?: Parameters) => ({ ...defaults, ...given });
  const defaults = (given: Parameters) => Object.assign(merged(given), { endpoint: { merge: merged(given) } });
  const octokit = { request: { defaults }, log: { warn() {} } };
  return restEndpointMethods(octokit as never).rest as unknown as Methods;
}

/** Where a function of `rest` keeps its name. */
const NAMED = Symbol("scope and name");

/** The name of a function of `rest`. Undefined for anything else. */
export function nameOf(method: unknown): readonly [scope: string, name: string] | undefined {
  return typeof method === "function" ? (method as { [NAMED]?: readonly [string, string] })[NAMED] : undefined;
}

/** Unknown names are noticed only when called. */
export function restOver(table: Table, request: AnyRequest, call: FollowCall): Rest {
  return everyName((scope) =>
    everyName((name) => {
      const method = (parameters: Parameters = {}, options = {}) =>
        call(`rest.${scope}.${name}`, async () => {
          const resolved = await table.resolve(scope, name, parameters);
          return request(resolved.route, resolved.parameters, options);
        });
      return Object.assign(method, { [NAMED]: [scope, name] });
    }),
  ) as Rest;
}

/**
 * An object that has a value for every name, except the names that the language and libraries look for in any object.
 */
function everyName(make: (name: string) => unknown): object {
  const get = (_: object, name: string | symbol) =>
    typeof name === "symbol" || name === "then" || name === "toJSON" ? undefined : make(name);
  return new Proxy({}, { get });
}

function unknownName(scope: string, name: string, methods: Methods): PermanentFailure {
  const scopes = Object.keys(methods);
  const inScope = Object.keys((Object.hasOwn(methods, scope) ? methods[scope] : undefined) ?? {});
  const elsewhere = scopes.find((each) => methods[each]?.[name] !== undefined);
  const nearScope = nearestName(scope, scopes);
  const near = nearestName(name, inScope);
  const inNearScope = nearScope && nearestName(name, Object.keys(methods[nearScope] ?? {}));
  const meant = near
    ? `${scope}.${near}`
    : elsewhere
      ? `${elsewhere}.${name}`
      : inNearScope && `${nearScope}.${inNearScope}`;
  return new PermanentFailure({
    tried: `calling github.rest.${scope}.${name}`,
    happened: "Octokit has no such name",
    remedy: `${meant ? `Did you mean github.rest.${meant}? Or write` : "Write"} the route: github.request("GET /repos/{owner}/{repo}", { … }).`,
  });
}

function elsewhere(scope: string, name: string, host: unknown): PermanentFailure {
  return new PermanentFailure({
    tried: `calling github.rest.${scope}.${name}`,
    happened: `it goes to ${host}, but gh-runner sends GitHub's token only to GITHUB_API_URL`,
    remedy: "Do this in a workflow of GitHub Actions. Your workflow can start it.",
  });
}
