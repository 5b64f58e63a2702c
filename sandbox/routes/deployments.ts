import { type Deployment, type DeploymentStatus, nextId } from "../records.ts";
import type { Repository } from "../repository.ts";
import {
  type Call,
  failure,
  listed,
  notFound,
  parseObject,
  type Reply,
  type RepositoryHandler,
  timeOf,
  userJson,
  type World,
} from "./reply.ts";
import { newestStatuses } from "./statuses.ts";

export const listDeployments: RepositoryHandler = (repository, call, world) => {
  const wanted = (["sha", "ref", "environment", "task"] as const).map((name) => [name, call.query.get(name)] as const);
  const found = repository.deployments
    .filter((deployment) => wanted.every(([name, value]) => value === null || deployment[name] === value))
    .reverse();
  return listed(found, call, world, (each) => deploymentJson(repository, each, world));
};

/**
 * Merges nothing, as if `auto_merge` were false. Without `required_contexts` every status of the commit must be good.
 * @see https://docs.github.com/en/rest/deployments/deployments#create-a-deployment
 */
export const createDeployment: RepositoryHandler = (repository, call, world) => {
  const given = parseObject(call.body) ?? {};
  const { ref, environment = "production", description = null, task = "deploy", payload = {} } = given;
  if (typeof ref !== "string") return failure(422, `Invalid request.\n\n"ref" wasn't supplied.`);
  const sha = repository.commitOf(ref);
  if (!sha) return failure(422, `No ref found for: ${ref}`);
  const required = given.required_contexts as readonly string[] | undefined;
  const isGood = newestStatuses(repository, sha)
    .filter(({ context }) => required?.includes(context) ?? true)
    .every(({ state }) => state === "success");
  if (!isGood) return failure(409, `Conflict: Commit status checks failed for ${ref}`);
  const deployment: Deployment = {
    id: 1 + repository.deployments.length,
    sha,
    ref,
    environment: String(environment),
    description: description === null ? null : String(description),
    task: String(task),
    payload,
    isTransient: given.transient_environment === true,
    isProduction: (given.production_environment ?? environment === "production") === true,
    createdAt: world.now(),
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
  const given = parseObject(call.body) ?? {};
  const { state, description = "", environment_url = "", log_url = given.target_url ?? "" } = given;
  if (!STATES.includes(String(state))) return failure(422, "Validation Failed: state is not included in the list");
  if (String(description).length > MAX_DESCRIPTION) {
    return failure(422, `Validation Failed: description is too long (maximum is ${MAX_DESCRIPTION} characters)`);
  }
  const add = (to: Deployment, state: string, text: string): DeploymentStatus => {
    const urls = { environmentUrl: String(environment_url), logUrl: String(log_url) };
    const status = { id: nextId(), state, description: text, ...urls, createdAt: world.now() };
    to.statuses.unshift(status);
    return status;
  };
  const status = add(deployment, String(state), String(description));
  if (state === "success" && given.auto_inactive !== false) {
    for (const earlier of repository.deployments.slice(0, repository.deployments.indexOf(deployment))) {
      const isSame = earlier.environment === deployment.environment;
      const isLeft = earlier.isTransient || earlier.isProduction || earlier.statuses[0]?.state === "inactive";
      if (isSame && !isLeft) add(earlier, "inactive", "");
    }
  }
  return { status: 201, json: statusJson(repository, deployment, status, world) };
});

function deploymentJson({ fullName }: Repository, deployment: Deployment, { base }: World) {
  const { statuses, createdAt, isTransient, isProduction, ...shown } = deployment;
  const url = `${base}/repos/${fullName}/deployments/${deployment.id}`;
  return {
    ...shown,
    url,
    node_id: `DE_${deployment.id}`,
    original_environment: deployment.environment,
    transient_environment: isTransient,
    production_environment: isProduction,
    creator: userJson("octocat"),
    statuses_url: `${url}/statuses`,
    repository_url: `${base}/repos/${fullName}`,
    created_at: timeOf(createdAt),
    updated_at: timeOf(statuses[0]?.createdAt ?? createdAt),
  };
}

function statusJson(
  { fullName }: Repository,
  { id: deployment, environment }: Deployment,
  { id, state, description, environmentUrl, logUrl, createdAt }: DeploymentStatus,
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
    // GitHub has an empty text if none was given. Its description does not accept that as a URI.
    target_url: logUrl || `https://github.com/${fullName}/deployments`,
    ...(logUrl === "" ? {} : { log_url: logUrl }),
    creator: userJson("octocat"),
    deployment_url: url,
    repository_url: `${base}/repos/${fullName}`,
    created_at: timeOf(createdAt),
    updated_at: timeOf(createdAt),
  };
}
