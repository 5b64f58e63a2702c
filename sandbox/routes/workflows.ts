import type { Repository } from "../repository.ts";
import { pageOf } from "./paging.ts";
import type { Call, Reply, World } from "./reply.ts";

const FOLDER = ".github/workflows";

/** The workflow files of the default branch. While Actions is disabled there are none: GitHub does not document it. */
export function listWorkflows(repository: Repository, call: Call, world: World): Reply {
  const files = repository.list(FOLDER, repository.defaultBranch).filter(({ path }) => /\.ya?ml$/.test(path));
  const all = repository.actionsDisabled ? [] : files;
  const { items, headers } = pageOf(all, call, world);
  const workflows = items.map(({ path, file }) => workflowJson(repository, world, path, file?.bytes.toString() ?? ""));
  return { status: 200, headers, json: { total_count: all.length, workflows } };
}

function workflowJson(
  { fullName, defaultBranch, workflowStates }: Repository,
  { base }: World,
  path: string,
  text: string,
) {
  const id = Number.parseInt(Buffer.from(path).toString("hex").slice(-8), 16);
  return {
    id,
    node_id: `W_${id}`,
    name: /^name:\s*["']?(.*?)["']?\s*$/m.exec(text)?.[1] ?? path,
    path,
    state: workflowStates.get(path) ?? "active",
    created_at: "2026-01-01T00:00:00.000Z",
    updated_at: "2026-01-01T00:00:00.000Z",
    url: `${base}/repos/${fullName}/actions/workflows/${id}`,
    html_url: `https://github.com/${fullName}/blob/${defaultBranch}/${path}`,
    badge_url: `https://github.com/${fullName}/workflows/${id}/badge.svg`,
  };
}
