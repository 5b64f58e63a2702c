import { PermanentFailure } from "../../model/failure.ts";
import type { GraphQLOptions, GraphQLVariables } from "../../model/graphql.ts";
import type { Ask } from "../ask.ts";
import { notUnderstood } from "../failures.ts";
import { operationIn, parseDocument } from "./document.ts";
import type { Allows } from "./errors.ts";
import { GRAPHQL_ROUTE } from "./request.ts";

/**
 * Asks GitHub's GraphQL API.
 * @param otherwise `owner/name`, whose token is used when neither options nor variables name a repository.
 */
export async function graphql(
  ask: Ask,
  query: string,
  variables: GraphQLVariables,
  { allow = [], repository, retry, operationName, headers }: GraphQLOptions,
  otherwise: string,
): Promise<object> {
  // As Octokit takes it, too: types do not hold in JavaScript.
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
      happened: "headers stand among the variables, where GitHub would ignore them",
      remedy: "Give them as an option: github.graphql(query, variables, { headers }).",
      sent: false,
    });
  }
  const allows: Allows = ({ type }) => type !== undefined && allow.includes(type);
  const parameters = { query, variables, operationName, headers };
  const answer = await ask(attempted, GRAPHQL_ROUTE, parameters, [200], { retry, allows });
  if (!answer.graphql) throw notUnderstood(attempted);
  return answer.graphql.data;
}

/** `the GraphQL mutation addStar`: the name of its operation, else that of its first field. */
function nameOf(query: string, operationName: string | undefined): string {
  const operation = operationIn(parseDocument(query), operationName);
  if (!operation) return "GraphQL";
  const first = operation.selections.find((each) => "field" in each);
  const name = operation.name ?? first?.field ?? "";
  return `the GraphQL ${operation.kind} ${name}`.trimEnd();
}

const NAME = /^(?!\.{1,2}$)[\w.-]+$/;

/** The repository that variables name: as GraphQL has it, or as the routes of REST. */
function named({ owner, repo, name = repo }: GraphQLVariables): string | undefined {
  // Other variables may be called so, too.
  const isNamed = [owner, name].every((each) => typeof each === "string" && NAME.test(each));
  return isNamed ? `${owner}/${name}` : undefined;
}
