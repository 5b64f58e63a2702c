import { createHash } from "node:crypto";
import type { Repository } from "../repository.ts";
import { failure, listed, MADE, notFound, pageOf, type RepositoryHandler, userJson, type World } from "./reply.ts";

export const listBranches: RepositoryHandler = (repository, call, world) =>
  listed(repository.branches(), call, world, (name) => {
    const sha = repository.commitOf(name);
    const url = `${world.base}/repos/${repository.fullName}/commits/${sha}`;
    return { name, commit: { sha, url }, protected: false };
  });

export const showBranch: RepositoryHandler = (repository, _call, { base }, [name = ""]) => {
  const sha = repository.branches().includes(name) ? repository.commitOf(name) : undefined;
  if (sha === undefined) return failure(404, "Branch not found");
  const self = `${base}/repos/${repository.fullName}/branches/${encodeURIComponent(name)}`;
  const html = `https://github.com/${repository.fullName}/tree/${name}`;
  const json = {
    name,
    commit: commitJson(repository, base, name, sha),
    _links: { self, html },
    protected: false,
    protection: { enabled: false, required_status_checks: { enforcement_level: "off", contexts: [], checks: [] } },
    protection_url: `${self}/protection`,
  };
  return { status: 200, json };
};

/** Only branches whose reference begins with this text. */
export const matchingRefs: RepositoryHandler = (repository, _call, { base }, [beginning = ""]) => {
  const found = repository.branches().filter((name) => `heads/${name}`.startsWith(beginning));
  return { status: 200, json: found.map((name) => refJson(repository, base, name)) };
};

export function refJson({ fullName, commitOf }: Repository, base: string, name: string) {
  const repo = `${base}/repos/${fullName}`;
  const sha = commitOf(name);
  const object = { type: "commit", sha, url: `${repo}/git/commits/${sha}` };
  return { ref: `refs/heads/${name}`, node_id: `REF_${sha}`, url: `${repo}/git/refs/heads/${name}`, object };
}

/** Only for branches. A reference is written `heads/main`. */
export const deleteRef: RepositoryHandler = (repository, _call, _world, [ref = ""]) => {
  const branch = /^heads\/(.+)$/.exec(ref)?.[1];
  if (branch === undefined || !repository.removeBranch(branch)) return failure(422, "Reference does not exist");
  return { status: 204 };
};

export const showCommit: RepositoryHandler = (repository, call, { base }, [ref = ""]) => {
  const sha = repository.commitOf(ref);
  // 422 also for branches that do not exist. 404 is for repositories.
  if (!sha) return failure(422, `No commit found for SHA: ${ref}`);
  const alone = "application/vnd.github.sha";
  if (call.headers.accept === alone) {
    return { status: 200, headers: { "content-type": `${alone}; charset=utf-8` }, raw: Buffer.from(sha) };
  }
  return { status: 200, json: commitJson(repository, base, ref, sha) };
};

/**
 * The difference between two refs: `main...change-7`. There is no history, so a ref that differs is one commit ahead.
 */
export const compare: RepositoryHandler = (repository, call, world, [basehead = ""]) => {
  const [from = "", to = ""] = basehead.split(/\.{2,3}/).map((ref) => ref.split(":").at(-1) ?? ref);
  const [before, after] = [repository.commitOf(from), repository.commitOf(to)];
  if (before === undefined || after === undefined) return notFound;
  const { fullName } = repository;
  const url = `${world.base}/repos/${fullName}/compare/${basehead}`;
  const html = `https://github.com/${fullName}/compare/${basehead}`;
  const base = commitJson(repository, world.base, from, before);
  const commits = before === after ? [] : [commitJson(repository, world.base, to, after)];
  const files = repository.changes(to, from).map((filename) => changedFileJson(repository, world, filename, after));
  const { items, headers } = pageOf(files, call, world);
  const json = {
    ...{ url, html_url: html, permalink_url: html, diff_url: `${html}.diff`, patch_url: `${html}.patch` },
    ...{ base_commit: base, merge_base_commit: base, status: before === after ? "identical" : "ahead" },
    ...{ ahead_by: commits.length, behind_by: 0, total_commits: commits.length, commits, files: items },
  };
  return { status: 200, headers, json };
};

/** A file as lists of changes show it. */
export function changedFileJson({ fullName }: Repository, { base }: World, filename: string, sha: string) {
  const path = encodeURI(filename);
  return {
    ...{ sha: "f".repeat(40), filename, status: "modified", additions: 1, deletions: 0, changes: 1 },
    blob_url: `https://github.com/${fullName}/blob/${sha}/${path}`,
    raw_url: `https://github.com/${fullName}/raw/${sha}/${path}`,
    contents_url: `${base}/repos/${fullName}/contents/${path}?ref=${sha}`,
  };
}

export function commitJson(repository: Repository, base: string, ref: string, sha: string) {
  const url = `${base}/repos/${repository.fullName}/commits/${sha}`;
  const who = { name: "Octo Cat", email: "octocat@github.com", date: dateOf(repository, ref, sha) };
  const {
    author = "octocat",
    committer = author,
    message = "A commit",
    isVerified,
    parents = 0,
  } = repository.written.get(sha) ?? {};
  const verification = isVerified ? { ...UNSIGNED, verified: true, reason: "valid" } : UNSIGNED;
  const tree = { sha: "0".repeat(40), url: `${base}/repos/${repository.fullName}/git/trees/${"0".repeat(40)}` };
  return {
    sha,
    node_id: "C_1",
    url,
    html_url: `https://github.com/${repository.fullName}/commit/${sha}`,
    comments_url: `${url}/comments`,
    commit: { author: who, committer: who, message, tree, url, comment_count: 0, verification },
    author: userJson(author),
    committer: userJson(committer),
    parents: Array.from({ length: parents }, (_, at) => {
      const parent = String(at).repeat(40);
      return { sha: parent, url: `${base}/repos/${repository.fullName}/commits/${parent}` };
    }),
  };
}

const UNSIGNED = { verified: false, reason: "unsigned", signature: null, payload: null, verified_at: null };

function dateOf({ committedAt, branches, commitOf }: Repository, ref: string, sha: string): string {
  const branch = branches().find((name) => commitOf(name) === sha);
  return committedAt.get(ref) ?? committedAt.get(branch ?? sha) ?? MADE.created_at;
}

/**
 * Larger files are available only in raw form: https://docs.github.com/en/rest/repos/contents#get-repository-content
 */
const MAX_BASE64_BYTES = 1024 * 1024;

export const showContents: RepositoryHandler = (repository, call, { base }, [path = ""]) => {
  const ref = call.query.get("ref") ?? repository.defaultBranch;
  if (!repository.hasRef(ref)) return failure(404, `No commit found for the ref ${ref}`);
  const file = repository.file(path, ref);
  if (!file) {
    const entries = repository.list(path, ref);
    if (entries.length === 0) return notFound;
    return { status: 200, json: entries.map((entry) => entryJson(repository, base, ref, entry)) };
  }
  const raw = /application\/vnd\.github\.(v3\.)?raw/.test(call.headers.accept ?? "");
  const etag = `W/"${createHash("sha256").update(`${raw}${file.sha}`).digest("hex")}"`;
  const headers = { etag, "cache-control": "private, max-age=60, s-maxage=60", vary: "Accept, Authorization" };
  if (call.headers["if-none-match"] === etag) return { status: 304, headers };
  if (raw) {
    const type = "application/vnd.github.raw+json; charset=utf-8";
    return { status: 200, headers: { ...headers, "content-type": type }, raw: file.bytes };
  }
  const name = path.split("/").at(-1) ?? path;
  const isLarge = file.bytes.byteLength > MAX_BASE64_BYTES;
  const content = isLarge
    ? { content: "", encoding: "none" }
    : { content: file.bytes.toString("base64"), encoding: "base64" };
  return { status: 200, headers, json: { ...entryJson(repository, base, ref, { path, name, file }), ...content } };
};

type Entry = ReturnType<Repository["list"]>[number];

export function entryJson({ fullName }: Repository, base: string, ref: string, { path, name, file }: Entry) {
  const url = `${base}/repos/${fullName}/contents/${encodeURI(path)}?ref=${encodeURIComponent(ref)}`;
  const kind = file ? "blob" : "tree";
  const sha = file?.sha ?? createHash("sha1").update(path).digest("hex");
  const git = `${base}/repos/${fullName}/git/${kind}s/${sha}`;
  const place = encodeURI(`${ref}/${path}`);
  const html = `https://github.com/${fullName}/${kind}/${place}`;
  return {
    type: file ? "file" : "dir",
    size: file?.bytes.byteLength ?? 0,
    name,
    path,
    sha,
    url,
    git_url: git,
    html_url: html,
    download_url: file ? `https://raw.githubusercontent.com/${fullName}/${place}` : null,
    _links: { self: url, git, html },
  };
}
