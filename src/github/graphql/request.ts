import { operationIn, parseDocument, type Selection } from "./document.ts";

/** The one route of GraphQL. */
export const GRAPHQL_ROUTE = "POST /graphql";

/**
 * The base address for GraphQL. An Enterprise Server has it at `/api/graphql`, beside `/api/v3`.
 * @see https://docs.github.com/en/enterprise-server@latest/graphql/guides/managing-enterprise-accounts
 */
export const graphQLBase = (apiUrl: string): string => apiUrl.replace(/\/api\/v3\/?$/, "/api");

type Parameters = Readonly<Record<string, unknown>>;

/** Whether a request certainly changes nothing. */
export function isQuery({ query, operationName }: Parameters): boolean {
  return typeof query === "string" && operationIn(parseDocument(query), operationName)?.kind === "query";
}

/** What a request asks of GraphQL, read from its final body. Empty if the body is not a JSON object. */
export function askedIn(body: string | null): Parameters {
  try {
    return { ...JSON.parse(body ?? "{}") };
  } catch {
    return {};
  }
}

/**
 * The result of a mutation that was not sent, so that the workflow continues. Each field that it asks for is null,
 * except those that the next request may need. `id` is a text and numbers are 0, as in the stand-in for other writes.
 */
export function heldBack({ query, operationName }: Parameters): object {
  const document = typeof query === "string" ? parseDocument(query) : undefined;
  const operation = operationIn(document, operationName);
  if (document === undefined || operation === undefined) return {};
  return objectOf(operation.selections, []);

  function objectOf(selections: readonly Selection[], within: readonly string[]): Record<string, unknown> {
    const object: Record<string, unknown> = {};
    for (const selection of selections) {
      if ("field" in selection) object[selection.as] = fieldOf(selection, within);
      else if ("inline" in selection) Object.assign(object, objectOf(selection.inline, within));
      else if (!within.includes(selection.fragment)) {
        const meant = document?.fragments.get(selection.fragment) ?? [];
        Object.assign(object, objectOf(meant, [...within, selection.fragment]));
      }
    }
    return object;
  }

  function fieldOf({ field, selections }: Extract<Selection, { field: string }>, within: readonly string[]): unknown {
    if (LISTS.has(field)) return [];
    return selections ? objectOf(selections, within) : (LEAVES[field] ?? null);
  }
}

/** The lists of a connection: https://docs.github.com/en/graphql/guides/using-pagination-in-the-graphql-api */
const LISTS = new Set(["nodes", "edges"]);

const LEAVES: Readonly<Record<string, unknown>> = {
  id: "not-sent",
  number: 0,
  databaseId: 0,
  fullDatabaseId: "0",
  totalCount: 0,
  hasNextPage: false,
  hasPreviousPage: false,
};
