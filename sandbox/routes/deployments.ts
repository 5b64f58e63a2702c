import type { Deployment, DeploymentStatus } from "../records.ts";
import type { Repository } from "../repository.ts";
import {
  type Call,
  failure,
  listed,
  MADE,
  notFound,
  parseObject,
  type Reply,
  type RepositoryHandler,
  userJson,
  type World,
} from "./reply.ts";

export const listDeployments: RepositoryHandler = (repository, call, world) => {
  const wanted = (["sha", "ref", "environment"] as const).map((name) => [name, call.query.get(name)] as const);
  const found = repository.deployments
    .filter((deployment) => wanted.every(([name, value]) => value === null || deployment[name] === value))
    .reverse();
  return listed(found, call, world, (each) => deploymentJson(repository, each, world));
};

/** Merges nothing and looks at no checks: it behaves as if `auto_merge` were false and `required_contexts` empty. */
export const createDeployment: RepositoryHandler = (repository, call, world) => {
  const { ref, environment = "production", description = null } = parseObject(call.body) ?? {};
  if (typeof ref !== "string") return failure(422, `Invalid request.\n\n"ref" wasn't supplied.`);
  const sha = repository.commitOf(ref);
  if (!sha) return failure(422, `No ref found for: ${ref}`);
  const deployment: Deployment = {
    id: 1 + repository.deployments.length,
    sha,
    ref,
    environment: String(environment),
    description: description === null ? null : String(description),
    statuses: [],
  };
  repository.deployments.push(deployment);
  return { status: 201, json: deploymentJson(repository, deployment, world) };
};

function withDeployment(
  then: (repository: Repository, deployment: Deployment, call: Call, world: World) => Reply,
): RepositoryHandler {
  return (repository, call, world, [id]) => {
    const deployment = repository.deployments.find((each) => each.id === Number(id));
    return deployment ? then(repository, deployment, call, world) : notFound;
  };
}

export const listDeploymentStatuses = withDeployment((repository, deployment, call, world) =>
  listed(deployment.statuses, call, world, (each) => statusJson(repository, deployment, each, world)),
);

/** https://docs.github.com/en/rest/deployments/statuses#create-a-deployment-status */
const MAX_DESCRIPTION = 140;
const STATES = ["error", "failure", "inactive", "in_progress", "queued", "pending", "success"];

export const createDeploymentStatus = withDeployment((repository, deployment, call, world) => {
  const { state, description = "", environment_url = "" } = parseObject(call.body) ?? {};
  if (!STATES.includes(String(state))) return failure(422, "Validation Failed: state is not included in the list");
  if (String(description).length > MAX_DESCRIPTION) {
    return failure(422, `Validation Failed: description is too long (maximum is ${MAX_DESCRIPTION} characters)`);
  }
  const status: DeploymentStatus = {
    id: 1 + deployment.statuses.length,
    state: String(state),
    description: String(description),
    environmentUrl: String(environment_url),
  };
  deployment.statuses.unshift(status);
  return { status: 201, json: statusJson(repository, deployment, status, world) };
});

function deploymentJson({ fullName }: Repository, { statuses: _, ...deployment }: Deployment, { base }: World) {
  const url = `${base}/repos/${fullName}/deployments/${deployment.id}`;
  return {
    ...deployment,
    url,
    node_id: `DE_${deployment.id}`,
    task: "deploy",
    payload: {},
    original_environment: deployment.environment,
    creator: userJson("octocat"),
    statuses_url: `${url}/statuses`,
    repository_url: `${base}/repos/${fullName}`,
    ...MADE,
  };
}

function statusJson(
  { fullName }: Repository,
  { id: deployment, environment }: Deployment,
  { id, state, description, environmentUrl }: DeploymentStatus,
  { base }: World,
) {
  const url = `${base}/repos/${fullName}/deployments/${deployment}`;
  return {
    id,
    node_id: `DES_${id}`,
    url: `${url}/statuses/${id}`,
    state,
    description,
    environment,
    ...(environmentUrl === "" ? {} : { environment_url: environmentUrl }),
    // GitHub has an empty text where none was given, which its description calls no URI.
    target_url: `https://github.com/${fullName}/deployments`,
    creator: userJson("octocat"),
    deployment_url: url,
    repository_url: `${base}/repos/${fullName}`,
    ...MADE,
  };
}
