import { PermanentFailure } from "../../model/failure.ts";
import type { GraphQLOptions, GraphQLVariables } from "../../model/graphql.ts";
import type { Ask } from "../ask.ts";
import { notUnderstood } from "../failures.ts";
import { operationIn, parseDocument } from "./document.ts";
import type { Allows } from "./errors.ts";
import { GRAPHQL_ROUTE } from "./request.ts";

/**
 * Asks GitHub's GraphQL API.
 * @param otherwise `owner/name` for the token if the options and the variables name no repository.
 */
export async function graphql(
  ask: Ask,
  query: string,
  variables: GraphQLVariables,
  { allow = [], repository, retry, operationName, headers }: GraphQLOptions,
  otherwise: string,
): Promise<object> {
  // A workflow in JavaScript can pass the arguments as Octokit also accepts them. Types do not prevent that.
  if (typeof query !== "string") {
    throw new PermanentFailure({
      tried: "asking GitHub with GraphQL",
      happened: "the query is not text",
      remedy: "Write github.graphql(query, variables), with both as arguments.",
      sent: false,
    });
  }
  const attempted = {
    tried: `asking GitHub with ${nameOf(query, operationName)}`,
    repository: repository ?? named(variables) ?? otherwise,
    permission: "",
  };
  if (variables.headers !== undefined) {
    throw new PermanentFailure({
      tried: attempted.tried,
      happened: "headers are among the variables, where GitHub would ignore them",
      remedy: "Pass them as an option: github.graphql(query, variables, { headers }).",
      sent: false,
    });
  }
  const allows: Allows = ({ type }) => type !== undefined && allow.includes(type);
  const parameters = { query, variables, operationName, headers };
  const answer = await ask(attempted, GRAPHQL_ROUTE, parameters, [200], { retry, allows });
  if (!answer.graphql) throw notUnderstood(attempted);
  return answer.graphql.data;
}

/** `the GraphQL mutation addStar`: the name of its operation, or of its first field. */
function nameOf(query: string, operationName: string | undefined): string {
  const operation = operationIn(parseDocument(query), operationName);
  if (!operation) return "GraphQL";
  const first = operation.selections.find((each) => "field" in each);
  const name = operation.name ?? first?.field ?? "";
  return `the GraphQL ${operation.kind} ${name}`.trimEnd();
}

const NAME = /^(?!\.{1,2}$)[\w.-]+$/;

/** The repository that variables name, with GraphQL's names or with those of the REST routes. */
function named({ owner, repo, name = repo }: GraphQLVariables): string | undefined {
  // Other variables may have the same names.
  const isNamed = [owner, name].every((each) => typeof each === "string" && NAME.test(each));
  return isNamed ? `${owner}/${name}` : undefined;
}
