import type { Repository } from "../repository.ts";
import { type Call, failure, type Reply, type World } from "./reply.ts";
import { userJson } from "./users.ts";

export function showCommit(repository: Repository, call: Call, { base }: World, [ref = ""]: readonly string[]): Reply {
  const sha = repository.commitOf(ref);
  // 422 also for branches that do not exist; 404 is for repositories.
  if (!sha) return failure(422, `No commit found for SHA: ${ref}`);
  if (call.headers.accept === "application/vnd.github.sha") {
    return {
      status: 200,
      headers: { "content-type": "application/vnd.github.sha; charset=utf-8" },
      raw: Buffer.from(sha),
    };
  }
  const url = `${base}/repos/${repository.fullName}/commits/${sha}`;
  const who = { name: "Octo Cat", email: "octocat@github.com", date: dateOf(repository, ref, sha) };
  const tree = { sha: "0".repeat(40), url: `${base}/repos/${repository.fullName}/git/trees/${"0".repeat(40)}` };
  return {
    status: 200,
    json: {
      sha,
      node_id: "C_1",
      url,
      html_url: `https://github.com/${repository.fullName}/commit/${sha}`,
      comments_url: `${url}/comments`,
      commit: { author: who, committer: who, message: "A commit", tree, url, comment_count: 0 },
      author: userJson("octocat"),
      committer: userJson("octocat"),
      parents: [],
    },
  };
}

function dateOf({ committedAt, branches, commitOf }: Repository, ref: string, sha: string): string {
  const branch = branches().find((name) => commitOf(name) === sha);
  return committedAt.get(ref) ?? committedAt.get(branch ?? sha) ?? "2026-01-01T00:00:00Z";
}
