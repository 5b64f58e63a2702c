import { type Case, ofWorkflow } from "./exchanges.ts";

const REPOSITORY = "/repos/{owner}/{repo}";
const FILE = { message: "Change it", content: Buffer.from("tag: 2\n").toString("base64") };

export const CHANGE_CASES: readonly Case[] = [
  // GitHub's description of a 409 contradicts itself: each of its two forms is also of the other.
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
];
