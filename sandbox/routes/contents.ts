import { createHash } from "node:crypto";
import type { Repository } from "../repository.ts";
import { type Call, failure, notFound, type Reply, type World } from "./reply.ts";

/** Larger files come in the raw form only: https://docs.github.com/en/rest/repos/contents#get-repository-content */
const MAX_BASE64_BYTES = 1024 * 1024;

export function showContents(
  repository: Repository,
  call: Call,
  { base }: World,
  [path = ""]: readonly string[],
): Reply {
  const ref = call.query.get("ref") ?? repository.defaultBranch;
  if (!repository.hasRef(ref)) return failure(404, `No commit found for the ref ${ref}`);
  const file = repository.file(path, ref);
  if (!file) {
    const entries = repository.list(path, ref);
    if (entries.length === 0) return notFound;
    return {
      status: 200,
      json: entries.map((entry) => entryJson(repository, base, ref, entry.path, entry.name, entry.file)),
    };
  }
  const raw = /application\/vnd\.github\.(v3\.)?raw/.test(call.headers.accept ?? "");
  const etag = `W/"${createHash("sha256").update(`${raw}${file.sha}`).digest("hex")}"`;
  const headers = { etag, "cache-control": "private, max-age=60, s-maxage=60", vary: "Accept, Authorization" };
  if (call.headers["if-none-match"] === etag) return { status: 304, headers };
  if (raw) {
    return {
      status: 200,
      headers: { ...headers, "content-type": "application/vnd.github.raw+json; charset=utf-8" },
      raw: file.bytes,
    };
  }
  const name = path.split("/").at(-1) ?? path;
  const content =
    file.bytes.byteLength > MAX_BASE64_BYTES
      ? { content: "", encoding: "none" }
      : { content: file.bytes.toString("base64"), encoding: "base64" };
  return { status: 200, headers, json: { ...entryJson(repository, base, ref, path, name, file), ...content } };
}

function entryJson(
  { fullName }: Repository,
  base: string,
  ref: string,
  path: string,
  name: string,
  file: { bytes: Buffer; sha: string } | undefined,
) {
  const url = `${base}/repos/${fullName}/contents/${encodeURI(path)}?ref=${encodeURIComponent(ref)}`;
  const kind = file ? "blob" : "tree";
  const sha = file?.sha ?? createHash("sha1").update(path).digest("hex");
  const git = `${base}/repos/${fullName}/git/${kind}s/${sha}`;
  const html = `https://github.com/${fullName}/${kind}/${encodeURI(`${ref}/${path}`)}`;
  return {
    type: file ? "file" : "dir",
    size: file?.bytes.byteLength ?? 0,
    name,
    path,
    sha,
    url,
    git_url: git,
    html_url: html,
    download_url: file ? `https://raw.githubusercontent.com/${fullName}/${encodeURI(`${ref}/${path}`)}` : null,
    _links: { self: url, git, html },
  };
}
