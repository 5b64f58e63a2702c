import type { Release } from "../records.ts";
import type { Repository } from "../repository.ts";
import {
  type Call,
  failure,
  listed,
  loginOf,
  notFound,
  parseObject,
  type Reply,
  type RepositoryHandler,
  type RepositoryRoute,
  timeOf,
  userJson,
  type World,
} from "./reply.ts";

/** Newest first. */
const listReleases: RepositoryHandler = (repository, call, world) =>
  listed(repository.releases.toReversed(), call, world, (each) => releaseJson(repository, each, world));

/** A draft or a prerelease is never the latest. */
const showLatest: RepositoryHandler = (repository, _call, world) =>
  shown(
    repository,
    repository.releases.findLast(({ draft, prerelease }) => !draft && !prerelease),
    world,
  );

const showByTag: RepositoryHandler = (repository, _call, world, [tag]) =>
  shown(
    repository,
    repository.releases.find((each) => each.tag === tag && !each.draft),
    world,
  );

const showRelease: RepositoryHandler = (repository, _call, world, [id]) =>
  shown(
    repository,
    repository.releases.find((each) => each.id === Number(id)),
    world,
  );

function shown(repository: Repository, release: Release | undefined, world: World): Reply {
  return release ? { status: 200, json: releaseJson(repository, release, world) } : notFound;
}

/** Publishing creates the tag on the target branch or commit. */
const createRelease: RepositoryHandler = (repository, call, world) => {
  const { tag_name } = parseObject(call.body) ?? {};
  if (typeof tag_name !== "string" || tag_name === "")
    return failure(422, `Invalid request.\n\n"tag_name" wasn't supplied.`);
  if (repository.releases.some(({ tag, draft }) => tag === tag_name && !draft))
    return failure(422, "Validation Failed");
  const release: Release = {
    id: 1 + Math.max(0, ...repository.releases.map(({ id }) => id)),
    ...{ tag: tag_name, target: repository.defaultBranch, name: null, body: null, draft: false, prerelease: false },
    author: loginOf(call, world),
    createdAt: world.now(),
  };
  const problem = change(repository, release, call);
  if (problem) return problem;
  repository.releases.push(release);
  return { status: 201, json: releaseJson(repository, release, world) };
};

const updateRelease: RepositoryHandler = (repository, call, world, [id]) => {
  const release = repository.releases.find((each) => each.id === Number(id));
  if (!release) return notFound;
  return change(repository, release, call) ?? { status: 200, json: releaseJson(repository, release, world) };
};

const deleteRelease: RepositoryHandler = ({ releases }, _call, _world, [id]) => {
  const place = releases.findIndex((each) => each.id === Number(id));
  if (place === -1) return notFound;
  releases.splice(place, 1);
  return { status: 204 };
};

function change(repository: Repository, release: Release, call: Call): Reply | undefined {
  const { tag_name, target_commitish, name, body, draft, prerelease } = parseObject(call.body) ?? {};
  const given = { tag: tag_name, target: target_commitish, name, body, draft, prerelease };
  Object.assign(release, Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)));
  if (release.draft || repository.commitOf(`tags/${release.tag}`)) return undefined;
  const sha = repository.commitOf(release.target);
  if (sha === undefined) return failure(422, "Validation Failed");
  repository.addTag(release.tag, sha);
  return undefined;
}

/** An object, which `POST /git/refs` names. */
const createTag: RepositoryHandler = (repository, call, world) => {
  const { tag, message, object, type = "commit" } = parseObject(call.body) ?? {};
  const sha = repository.commitOf(String(object));
  if (typeof tag !== "string" || typeof message !== "string" || sha === undefined)
    return failure(422, "Validation Failed");
  const repo = `${world.base}/repos/${repository.fullName}/git`;
  const tagger = { name: "Octo Cat", email: "octocat@github.com", date: timeOf(world.now()) };
  const json = { node_id: "TA_1", tag, sha, url: `${repo}/tags/${sha}`, message, tagger };
  return { status: 201, json: { ...json, object: { type, sha, url: `${repo}/commits/${sha}` } } };
};

export const releaseRoutes: readonly RepositoryRoute[] = [
  ["GET /releases", "contents=read", listReleases],
  ["POST /releases", "contents=write", createRelease],
  ["GET /releases/latest", "contents=read", showLatest],
  ["GET /releases/tags/{tag}", "contents=read", showByTag],
  ["GET /releases/{release_id}", "contents=read", showRelease],
  ["PATCH /releases/{release_id}", "contents=write", updateRelease],
  ["DELETE /releases/{release_id}", "contents=write", deleteRelease],
  ["POST /git/tags", "contents=write", createTag],
];

function releaseJson({ fullName }: Repository, release: Release, { base }: World) {
  const { id, tag, target, name, body, draft, prerelease, author, createdAt } = release;
  const url = `${base}/repos/${fullName}/releases/${id}`;
  return {
    ...{ id, node_id: `RE_${id}`, tag_name: tag, target_commitish: target, name, body, draft, prerelease, url },
    immutable: false,
    html_url: `https://github.com/${fullName}/releases/tag/${encodeURIComponent(tag)}`,
    assets_url: `${url}/assets`,
    upload_url: `https://uploads.github.com/repos/${fullName}/releases/${id}/assets{?name,label}`,
    tarball_url: `${base}/repos/${fullName}/tarball/${tag}`,
    zipball_url: `${base}/repos/${fullName}/zipball/${tag}`,
    author: userJson(author),
    assets: [],
    created_at: timeOf(createdAt),
    published_at: draft ? null : timeOf(createdAt),
  };
}
