import { ownerAndName } from "../../model/github-names.ts";
import type { DeploymentState } from "../../model/github-reports.ts";
import { oneLine } from "../../model/visible.ts";
import { jsonOf } from "../answer.ts";
import { type Listed, listIn, notUnderstood } from "../failures.ts";
import { createOnce, type Reporting, within } from "./reporting.ts";

/** GitHub's maximum, in characters. */
const MAX_DESCRIPTION = 140;

/**
 * Creates a deployment, or finds the one with this key, and sets its status unless its newest status is already the
 * same. When this one succeeds, GitHub makes earlier deployments of the environment inactive. The state `inactive`
 * creates no deployment.
 * @see https://docs.github.com/en/rest/deployments/deployments
 */
export async function setDeployment(reporting: Reporting, deployment: DeploymentState): Promise<void> {
  const { ask, brief } = reporting;
  const { repository, sha, environment, key, state, environmentUrl, logUrl, description } = deployment;
  const where = `to ${environment} of ${sha} in ${repository}`;
  const attempted = { tried: `writing the deployment ${where}`, repository, permission: "Deployments: write" };
  const looking = { ...attempted, tried: `looking for the deployment ${where}` };
  const repositoryOf = ownerAndName(repository);
  const look = async () => {
    const which = { ...repositoryOf, sha, environment, per_page: 100 };
    return withKey(listIn(looking, await ask(looking, "GET /repos/{owner}/{repo}/deployments", which, [200])), key);
  };
  const create = async () => {
    const made = {
      ...repositoryOf,
      ref: sha,
      environment,
      auto_merge: false,
      required_contexts: [],
      production_environment: false,
      payload: { [KEY]: key },
      ...texts(description),
    };
    const route = "POST /repos/{owner}/{repo}/deployments";
    const { id } = jsonOf(await ask(attempted, route, made, [201], { retry: false })) as { id?: unknown };
    if (typeof id !== "number") throw notUnderstood(attempted);
    return id;
  };
  function texts(text: string | undefined) {
    return text === undefined ? {} : { description: within(brief, oneLine(text), MAX_DESCRIPTION) };
  }

  const known = await look();
  if (known === undefined && state === "inactive") return;
  const id = known ?? (await createOnce(reporting, create, look));
  const status = {
    state,
    ...texts(description),
    ...(environmentUrl !== undefined && { environment_url: environmentUrl }),
    ...(logUrl !== undefined && { log_url: logUrl }),
  };
  const one = { ...repositoryOf, deployment_id: id };
  const statuses = "/repos/{owner}/{repo}/deployments/{deployment_id}/statuses";
  const isNewest = async () => {
    const all = listIn(looking, await ask(looking, `GET ${statuses}`, { ...one, per_page: 100 }, [200]));
    const newest = all.toSorted((a, b) => Number(b.id) - Number(a.id))[0];
    return Object.entries(status).every(([name, value]) => newest?.[name] === value) || undefined;
  };
  if (known !== undefined && (await isNewest())) return;
  const write = async () => {
    await ask(attempted, `POST ${statuses}`, { ...one, ...status }, [201], { retry: false });
    return true;
  };
  await createOnce(reporting, write, isNewest);
}

/** The property of the payload that holds the key. */
const KEY = "gh_runner_key";

/** The id of the deployment with this key. The oldest if there are two. */
function withKey(deployments: readonly Listed[], key: string): number | undefined {
  const known = deployments.flatMap(({ id, payload }) =>
    typeof id === "number" && keyIn(payload) === key ? [id] : [],
  );
  return known.sort((a, b) => a - b)[0];
}

/** GitHub returns a payload as an object or as text. */
function keyIn(payload: unknown): unknown {
  if (typeof payload !== "string") return (payload as Readonly<Record<string, unknown>> | null | undefined)?.[KEY];
  try {
    return keyIn(JSON.parse(payload) as object);
  } catch {
    return undefined;
  }
}
