import type { StandInGitHub } from "../../sandbox/github.ts";
import { type Case, ofWorkflow } from "./exchanges.ts";

const REPOSITORY = "/repos/{owner}/{repo}";
const FILE = { message: "Change it", content: Buffer.from("tag: 2\n").toString("base64") };

const ARTIFACTS = `${REPOSITORY}/actions/artifacts`;

export function prepareChanges(github: StandInGitHub): void {
  const shop = github.repository("acme/shop");
  shop.put("a.txt", "b", "change-9");
  shop.addArtifact(6, "results", { "a.txt": "a" }, { id: 700 });
  shop.addArtifact(6, "results", {}, { id: 701, expired: true });
}

export const CHANGE_CASES: readonly Case[] = [
  // GitHub's description of a 409 contradicts itself: each of its two schemas also matches the other.
  ...ofWorkflow(`PUT ${REPOSITORY}/contents/{path}`, "contents/new.txt", [
    { status: 201, what: "a new file", body: FILE },
    { status: 422, what: "a file that is there", path: "contents/a/large.bin", body: FILE },
    { status: 404, what: "no such branch", body: { ...FILE, branch: "none" } },
  ]),
  ...ofWorkflow(`POST ${REPOSITORY}/git/refs`, "git/refs", [
    { status: 201, what: "a branch", body: { ref: "refs/heads/bot/change", sha: "0".repeat(40) } },
    { status: 422, what: "a branch that is there", body: { ref: "refs/heads/main", sha: "0".repeat(40) } },
  ]),
  ...ofWorkflow(`GET ${REPOSITORY}/git/ref/{ref}`, "git/ref/heads/main", [
    { status: 200, what: "a branch" },
    { status: 404, what: "no such branch", path: "git/ref/heads/none" },
  ]),
  ...ofWorkflow(`GET ${REPOSITORY}/commits`, "commits?sha=main&path=a/values.yaml&per_page=1", [
    { status: 200, what: "the newest of a file" },
  ]),
  ...ofWorkflow(`POST ${REPOSITORY}/pulls`, "pulls", [
    {
      status: 201,
      what: "a branch",
      body: { title: "Change", head: "acme:change-9", base: "main", body: "It is better." },
    },
    { status: 422, what: "the same again", body: { title: "Change", head: "change-9", base: "main" } },
    { status: 422, what: "no such branch", body: { title: "Change", head: "none", base: "main" } },
  ]),
  ...ofWorkflow(`PATCH ${REPOSITORY}/pulls/{pull_number}`, "pulls/7", [
    { status: 200, what: "its title", body: { title: "Another" } },
    { status: 404, what: "no such pull request", path: "pulls/99", body: { title: "Another" } },
  ]),
  ...ofWorkflow(
    `GET ${REPOSITORY}/actions/runs/{run_id}/artifacts`,
    "actions/runs/6/artifacts?name=results&per_page=100",
    [
      { status: 200, what: "a run with artifacts" },
      { status: 404, what: "no such run", path: "actions/runs/99/artifacts" },
    ],
  ),
  ...ofWorkflow(`GET ${ARTIFACTS}/{artifact_id}/{archive_format}`, "actions/artifacts/700/zip", [
    { status: 302, what: "an artifact" },
    { status: 404, what: "no such artifact", path: "actions/artifacts/99/zip" },
    { status: 410, what: "one that has expired", path: "actions/artifacts/701/zip" },
  ]),
];
