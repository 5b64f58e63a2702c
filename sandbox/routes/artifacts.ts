import type { Artifact } from "../records.ts";
import type { Repository } from "../repository.ts";
import { failure, type Handler, notFound, pageOf, type RepositoryRoute, timeOf, type World } from "./reply.ts";

export const artifactRoutes: readonly RepositoryRoute[] = [
  [
    "GET /actions/runs/{run_id}/artifacts",
    "actions=read",
    (repository, call, world, [id]) => {
      if (!repository.runs.has(Number(id))) return notFound;
      const name = call.query.get("name");
      const all = [...repository.artifacts.values()]
        .filter((each) => each.run === Number(id) && (name === null || each.name === name))
        .reverse();
      const { items, headers } = pageOf(all, call, world);
      const artifacts = items.map((each) => artifactJson(repository, world, each));
      return { status: 200, headers, json: { total_count: all.length, artifacts } };
    },
  ],
  [
    "GET /actions/artifacts/{artifact_id}/{archive_format}",
    "actions=read",
    (repository, _call, { base }, [id, format]) => {
      const artifact = repository.artifacts.get(Number(id));
      if (!artifact || format !== "zip") return notFound;
      if (artifact.expired) return failure(410, "Artifact has expired");
      return {
        status: 302,
        headers: { location: `${downloads(base)}/${repository.id}/${artifact.id}?sig=${SIGNATURE}` },
      };
    },
  ],
];

/** The signature in the address of a download. */
const SIGNATURE = "c2lnbmVk";

/** Another origin than the API's, as at GitHub: the same machine by its other name. */
function downloads(base: string): string {
  const { protocol, port, pathname } = new URL(base);
  return `${protocol}//localhost:${port}${pathname.replace(/\/$/, "")}/downloads/artifacts`;
}

/** Not part of the API: it takes the signature, and no token. */
export const downloadArtifact: Handler = ({ query, headers }, { repositories }, [repository, id]) => {
  const artifact = repositories.findById(Number(repository))?.artifacts.get(Number(id));
  // Like Azure's storage, it does not accept two ways of signing in for one request.
  if (headers.authorization !== undefined) return { status: 400, raw: Buffer.from("InvalidAuthenticationInfo") };
  if (!artifact || query.get("sig") !== SIGNATURE) return { status: 403, raw: Buffer.from("AuthenticationFailed") };
  return { status: 200, headers: { "content-type": "application/zip" }, raw: artifact.zip };
};

function artifactJson(repository: Repository, { base }: World, { id, run, name, zip, expired, createdAt }: Artifact) {
  const url = `${base}/repos/${repository.fullName}/actions/artifacts/${id}`;
  const of = repository.runs.get(run);
  return {
    id,
    node_id: `A_${id}`,
    name,
    size_in_bytes: zip.byteLength,
    url,
    archive_download_url: `${url}/zip`,
    expired,
    created_at: timeOf(createdAt),
    updated_at: timeOf(createdAt),
    expires_at: timeOf(createdAt + 90 * 24 * 3_600_000),
    workflow_run: {
      id: run,
      repository_id: repository.id,
      head_repository_id: repository.id,
      head_branch: of?.branch ?? "main",
      head_sha: of?.sha ?? "",
    },
  };
}
