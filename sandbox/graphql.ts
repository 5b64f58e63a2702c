import { type GraphQLOperation, operationIn, parseDocument, type Selection } from "../src/github/graphql/document.ts";
import { GRAPHQL_ROUTE, graphQLBase, heldBack, isQuery } from "../src/github/graphql/request.ts";
import { type GraphQLProblem, graphQLJudge } from "./graphql-schema.ts";
import { badCredentials, type Call, loginOf, parseObject, type Reply, type World } from "./routes/reply.ts";

// biome-ignore lint/suspicious/noExplicitAny: a test knows what its workflow sends.
type Variables = Readonly<Record<string, any>>;

/**
 * GitHub's answers for the top-level fields of queries and mutations, by name: a value, or a function of the request's
 * variables. From an object, and from each item of a list, a query picks the fields that it asks for. Missing fields
 * are null. An `Error` fails the field. Its `name` is the type, such as NOT_FOUND.
 */
export type GraphQLFields = Readonly<Record<string, object | null | ((variables: Variables) => object | null)>>;

/** The path of GraphQL. On an Enterprise Server it is not below that of the REST API. */
export const graphQLPath = (basePath: string): string => `${graphQLBase(basePath)}/graphql`;

/** Whether a request changes something. */
export const isWrite = (method: string, route: string, body: string): boolean =>
  !["GET", "HEAD"].includes(method) && !(route === GRAPHQL_ROUTE && isQuery(parseObject(body) ?? {}));

/** GraphQL of the stand-in. It answers what GitHub's schema allows with the values of the test. */
export function graphQLBook({ hasEverything, usesSchema }: { hasEverything: boolean; usesSchema: boolean }) {
  const fields = new Map<string, GraphQLFields[string]>();

  return {
    /** Adds answers. An answer for the same field replaces the previous one. */
    add(given: GraphQLFields): void {
      for (const [name, value] of Object.entries(given)) fields.set(name, value);
    },
    /** What is wrong with a request. Undefined if GitHub would carry it out. */
    async rejection({ body, token }: Call, { credentials }: World): Promise<Reply | undefined> {
      if (!credentials.grantOf(token)) return badCredentials;
      const { query, variables, operationName } = parseObject(body) ?? {};
      if (typeof query !== "string")
        return errors([{ message: "A query attribute must be specified and must be a string." }]);
      const judge = usesSchema ? await graphQLJudge() : undefined;
      const problems = judge?.({ query, variables: (variables ?? {}) as Variables }) ?? [];
      if (problems.length > 0) return errors(problems);
      const document = parseDocument(query);
      if (!document) return errors([{ message: "Parse error: this is no GraphQL." }]);
      if (!operationIn(document, operationName ?? undefined))
        return errors([{ message: "An operation name is required" }]);
      return undefined;
    },
    /** The answer to a request that was not rejected. */
    answer(call: Call, world: World): Reply {
      const { query, variables = {}, operationName } = parseObject(call.body) ?? {};
      if (hasEverything) return { status: 200, json: { data: heldBack({ query, operationName }) } };
      const document = parseDocument(query as string);
      const { selections } = operationIn(document, operationName ?? undefined) as GraphQLOperation;
      const usual: GraphQLFields = { viewer: { login: loginOf(call, world) } };
      const found: GraphQLProblem[] = [];
      const answerOf = (field: string): object | null => {
        const value = fields.has(field) ? fields.get(field) : usual[field];
        if (value === undefined) throw new Error(unknown(field));
        const given = typeof value === "function" ? value(variables as Variables) : value;
        if (given instanceof Error) throw given;
        return given;
      };
      const data: Record<string, unknown> = {};
      for (const { field, as, selections: inner } of flat(selections)) {
        try {
          data[as] = field === "__typename" ? "Query" : picked(answerOf(field), inner);
        } catch (error) {
          const { name, message } = error as Error;
          data[as] = null;
          found.push({ ...(name === "Error" ? {} : { type: name }), path: [as], message });
        }
      }
      return { status: 200, json: found.length === 0 ? { data } : { data, errors: found } };

      /** The selected fields, including those of fragments. It ignores the types of objects. */
      function flat(selections: readonly Selection[]): readonly Field[] {
        return selections.flatMap((each) => {
          if ("field" in each) return [each];
          return flat("inline" in each ? each.inline : (document?.fragments.get(each.fragment) ?? []));
        });
      }

      function picked(value: unknown, selections: readonly Selection[] | undefined): unknown {
        if (selections === undefined || typeof value !== "object" || value === null) return value ?? null;
        if (Array.isArray(value)) return value.map((each) => picked(each, selections));
        const object = value as Readonly<Record<string, unknown>>;
        return Object.fromEntries(
          flat(selections).map(({ field, as, selections }) => [as, picked(object[field], selections)]),
        );
      }
    },
  };
}

type Field = Extract<Selection, { field: string }>;

const unknown = (field: string) =>
  `The stand-in GitHub has no answer for ${field}: give it one with github.graphql({ ${field}: … }), or to "POST /graphql" as a whole.`;

function errors(all: readonly GraphQLProblem[]): Reply {
  return { status: 200, json: { errors: all } };
}
