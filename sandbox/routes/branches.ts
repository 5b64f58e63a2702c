import type { Repository } from "../repository.ts";
import { pageOf } from "./paging.ts";
import { type Call, failure, type Reply, type World } from "./reply.ts";

export function listBranches(repository: Repository, call: Call, world: World): Reply {
  const { items, headers } = pageOf(repository.branches(), call, world);
  const branches = items.map((name) => {
    const sha = repository.commitOf(name);
    return {
      name,
      commit: { sha, url: `${world.base}/repos/${repository.fullName}/commits/${sha}` },
      protected: false,
    };
  });
  return { status: 200, headers, json: branches };
}

/** Of branches only; a reference is written `heads/main`. */
export function deleteRef(repository: Repository, _call: Call, _world: World, [ref = ""]: readonly string[]): Reply {
  const branch = /^heads\/(.+)$/.exec(ref)?.[1];
  if (branch === undefined || !repository.removeBranch(branch)) return failure(422, "Reference does not exist");
  return { status: 204 };
}
