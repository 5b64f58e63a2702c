import type { GraphQLError as Problem } from "graphql";

/** An error as GitHub writes it into a GraphQL answer. */
export type GraphQLProblem = {
  readonly message: string;
  readonly type?: string;
  readonly path?: readonly (string | number)[];
  readonly extensions?: Readonly<Record<string, unknown>>;
  readonly locations?: readonly { readonly line: number; readonly column: number }[];
};

/** What is wrong with a request by GitHub's schema. Empty if GitHub would carry it out. */
export type GraphQLJudge = (request: {
  query: string;
  variables: Record<string, unknown>;
}) => readonly GraphQLProblem[];

let opened: Promise<GraphQLJudge | undefined> | undefined;

/**
 * Checks requests by GitHub's schema if `graphql` and `@octokit/graphql-schema` are installed. Otherwise undefined. The
 * packages have 11 MB, so users of the test kit choose. The first call takes 0.2 s.
 */
export function graphQLJudge(): Promise<GraphQLJudge | undefined> {
  opened ??= open();
  return opened;
}

async function open(): Promise<GraphQLJudge | undefined> {
  const [language, github] = await Promise.all([installed<Language>("graphql"), installed<Schema>(SCHEMA)]);
  if (!language || !github) return undefined;
  const schema = language.buildSchema(github.schema.idl, { assumeValidSDL: true, noLocation: true });
  return ({ query, variables }) => {
    const document = parsed(query, language);
    if ("message" in document) return [{ message: document.message, locations: document.locations ?? [] }];
    const problems = language.validate(schema, document);
    if (problems.length > 0) return problems.map(asGitHubWrites);
    const wrong = document.definitions.flatMap((each) =>
      each.kind === "OperationDefinition"
        ? (language.getVariableValues(schema, each.variableDefinitions ?? [], variables).errors ?? [])
        : [],
    );
    return wrong.map(({ message, locations = [] }) => ({ message, locations }));
  };
}

type Language = typeof import("graphql");
type Schema = typeof import("@octokit/graphql-schema");
const SCHEMA = "@octokit/graphql-schema";

/** Imported by a name that a bundler does not follow, because it would include the packages. */
async function installed<Module>(name: string): Promise<Module | undefined> {
  try {
    return (await import(name)) as Module;
  } catch {
    return undefined;
  }
}

function parsed(query: string, { parse, GraphQLError }: Language) {
  try {
    return parse(query);
  } catch (error) {
    if (error instanceof GraphQLError) return error;
    throw error;
  }
}

/** The most common mistake in a workflow is a field that does not exist. These are GitHub's words for it. */
function asGitHubWrites({ message, locations = [] }: Problem): GraphQLProblem {
  const [, fieldName, typeName] = /^Cannot query field "(\w+)" on type "(\w+)"/.exec(message) ?? [];
  if (fieldName === undefined) return { message, locations };
  return {
    message: `Field '${fieldName}' doesn't exist on type '${typeName}'`,
    extensions: { code: "undefinedField", typeName, fieldName },
    locations,
  };
}
