import type { Repository } from "../repository.ts";
import { commitJson, entryJson, refJson } from "./commits.ts";
import { pullDetail } from "./pulls.ts";
import { failure, listed, notFound, parseObject, type RepositoryRoute } from "./reply.ts";

/** Routes that change files and branches, and open pull requests. */
export const changeRoutes: readonly RepositoryRoute[] = [
  [
    "PUT /contents/{path}",
    "contents=write",
    (repository, call, { base }, [path = ""]) => {
      const given = parseObject(call.body) ?? {};
      const { message, content, sha, branch = repository.defaultBranch } = given;
      if (typeof message !== "string" || typeof content !== "string") {
        return failure(
          422,
          `Invalid request.\n\n"${typeof message === "string" ? "content" : "message"}" wasn't supplied.`,
        );
      }
      const ref = String(branch);
      if (!repository.branches().includes(ref)) return failure(404, `Branch ${ref} not found`);
      const before = repository.file(path, ref);
      if (before && sha === undefined) return failure(422, `Invalid request.\n\n"sha" wasn't supplied.`);
      if (sha !== undefined && before?.sha !== sha) return failure(409, `${path} does not match ${sha}`);
      repository.put(path, Buffer.from(content, "base64"), ref);
      const file = repository.file(path, ref);
      const commit = commitJson(repository, base, ref, repository.commitOf(ref) ?? "");
      const { author, committer, tree, verification } = commit.commit;
      const made = { ...commit, author, committer, message, tree, verification };
      const entry = entryJson(repository, base, ref, { path, name: path.split("/").at(-1) ?? path, file });
      return { status: before ? 200 : 201, json: { content: entry, commit: made } };
    },
  ],
  [
    "POST /git/refs",
    "contents=write",
    (repository, call, { base }) => {
      const { ref = "", sha = "" } = parseObject(call.body) ?? {};
      const name = /^refs\/heads\/(.+)$/.exec(String(ref))?.[1];
      if (name === undefined) return failure(422, "Reference name must contain at least three components");
      if (repository.branches().includes(name)) return failure(422, "Reference already exists");
      if (!repository.addBranch(name, String(sha))) return failure(422, "Object does not exist");
      return { status: 201, json: refJson(repository, base, name) };
    },
  ],
  [
    "GET /git/ref/{ref}",
    "contents=read",
    (repository, _call, { base }, [ref = ""]) => {
      const name = /^heads\/(.+)$/.exec(ref)?.[1] ?? "";
      return repository.branches().includes(name) ? { status: 200, json: refJson(repository, base, name) } : notFound;
    },
  ],
  // The history contains only the newest commit.
  [
    "GET /commits",
    "contents=read",
    (repository, call, world) => {
      const ref = call.query.get("sha") ?? repository.defaultBranch;
      const sha = repository.commitOf(ref);
      if (sha === undefined) return notFound;
      const path = call.query.get("path");
      const has = path === null || repository.file(path, ref) !== undefined;
      return listed(has ? [sha] : [], call, world, (each) => commitJson(repository, world.base, ref, each));
    },
  ],
  [
    "POST /pulls",
    "pull_requests=write",
    (repository, call, world) => {
      const { title, head = "", base = "", body = null, draft = false } = parseObject(call.body) ?? {};
      const [owner] = repository.fullName.split("/");
      const branch = String(head).replace(`${owner}:`, "");
      for (const [field, name] of [
        ["head", branch],
        ["base", String(base)],
      ] as const) {
        if (!repository.branches().includes(name)) return invalid({ resource: "PullRequest", field, code: "invalid" });
      }
      if (typeof title !== "string") return failure(422, `Invalid request.\n\n"title" wasn't supplied.`);
      const isOpen = [...repository.pulls.values()].some((pull) => isOf(repository, pull, branch, String(base)));
      if (isOpen) return invalid(custom(`A pull request already exists for ${owner}:${branch}.`));
      const files = repository.changes(branch, String(base));
      if (files.length === 0) return invalid(custom(`No commits between ${base} and ${branch}`));
      const sha = repository.commitOf(branch) ?? "";
      const made = { title, body: body as string | null, draft: draft === true, base: String(base), files };
      const pull = repository.openPull({ ...made, head: { ref: branch, sha }, createdAt: world.now() });
      return { status: 201, json: pullDetail(repository, world, pull) };
    },
  ],
  [
    "PATCH /pulls/{pull_number}",
    "pull_requests=write",
    (repository, call, world, [number]) => {
      const pull = repository.pulls.get(Number(number));
      if (!pull) return notFound;
      const { title = pull.title, body = pull.body, state = pull.state } = parseObject(call.body) ?? {};
      if (state !== "open" && state !== "closed")
        return invalid({ resource: "PullRequest", field: "state", code: "invalid" });
      const closing = state === "closed" ? { closedAt: pull.closedAt ?? world.now() } : { closedAt: null };
      Object.assign(pull, { title, body, state, ...closing, updatedAt: world.now() });
      return { status: 200, json: pullDetail(repository, world, pull) };
    },
  ],
];

function isOf(repository: Repository, pull: ReturnType<Repository["openPull"]>, head: string, base: string): boolean {
  return pull.state === "open" && pull.head.ref === head && (pull.base ?? repository.defaultBranch) === base;
}

const custom = (message: string) => ({ resource: "PullRequest", code: "custom", message });

function invalid(error: object) {
  const failed = failure(422, "Validation Failed");
  return { ...failed, json: { ...(failed.json as object), errors: [error] } };
}
