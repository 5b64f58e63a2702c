import type { StandInGitHub } from "../../sandbox/github.ts";
import { type Case, ofWorkflow } from "./exchanges.ts";

const REPOSITORY = "/repos/{owner}/{repo}";
const STATUSES = `GET ${REPOSITORY}/commits/{ref}/statuses`;
const COMBINED = `GET ${REPOSITORY}/commits/{ref}/status`;
const CHECKS = `GET ${REPOSITORY}/commits/{ref}/check-runs`;
const PULLS = `GET ${REPOSITORY}/commits/{commit_sha}/pulls`;
const CREATE = `POST ${REPOSITORY}/check-runs`;
const CHECK = `GET ${REPOSITORY}/check-runs/{check_run_id}`;
const UPDATE = `PATCH ${REPOSITORY}/check-runs/{check_run_id}`;
const ANNOTATIONS = `${CHECK}/annotations`;
const DEPLOY = `POST ${REPOSITORY}/deployments`;

const SHA = "5".repeat(40);
const BROKEN = "6".repeat(40);

export function prepareReports(github: StandInGitHub): void {
  const shop = github.repository("acme/shop");
  github.token("app's", { app: 7 });
  for (const sha of [SHA, BROKEN]) shop.addCommit(sha);
  shop.openPull({ number: 5, head: { ref: "change-5", sha: SHA } });
  const status = { sha: SHA, context: "ci", description: null, targetUrl: null, createdAt: 0 };
  shop.statuses.push({ ...status, id: 101, state: "success" });
  shop.statuses.push({ ...status, id: 102, state: "pending", context: "preview", targetUrl: "https://ci.example" });
  shop.statuses.push({ ...status, id: 103, state: "failure", sha: BROKEN });
  const output = { title: null, summary: null, text: null };
  const check = {
    name: "other",
    app: 7,
    externalId: "",
    detailsUrl: null,
    conclusion: null,
    output,
    annotations: [
      { path: "src/a.ts", start_line: 1, end_line: 2, annotation_level: "warning", message: "It is long." },
    ],
    completedAt: null,
  };
  const startedAt = "2026-01-01T00:00:00Z";
  shop.checks.push({ ...check, id: 1, sha: SHA, status: "queued", startedAt });
  shop.checks.push({ ...check, id: 2, sha: SHA, status: "queued", startedAt });
}

const begun = { name: "preview", head_sha: SHA, status: "in_progress", external_id: "k-1" };
const ended = { conclusion: "success", output: { title: "It works", summary: "All of it." } };

export const REPORT_CASES: readonly Case[] = [
  ...ofWorkflow(STATUSES, `commits/${SHA}/statuses?per_page=1`, [{ status: 200, what: "a commit with statuses" }]),
  ...ofWorkflow(COMBINED, `commits/${SHA}/status`, [
    { status: 200, what: "a commit with statuses" },
    { status: 200, what: "a branch without", path: "commits/main/status" },
  ]),
  ...ofWorkflow(CREATE, "check-runs", [
    { status: 201, what: "a check that is under way", body: begun, token: "app's" },
    { status: 201, what: "a check that has ended", body: { ...begun, status: "completed", ...ended }, token: "app's" },
    { status: 403, what: "a token that is no App's", body: begun },
    { status: 422, what: "no such commit", body: { ...begun, head_sha: "1".repeat(40) }, token: "app's" },
  ]),
  ...ofWorkflow(UPDATE, "check-runs/1", [
    { status: 200, what: "its end", body: ended, token: "app's" },
    { status: 404, what: "no such check", path: "check-runs/99", body: ended, token: "app's" },
  ]),
  ...ofWorkflow(CHECK, "check-runs/1", [{ status: 200, what: "a check" }]),
  ...ofWorkflow(ANNOTATIONS, "check-runs/2/annotations", [
    { status: 200, what: "what a check says of lines" },
    { status: 404, what: "no such check", path: "check-runs/99/annotations" },
  ]),
  ...ofWorkflow(CHECKS, `commits/${SHA}/check-runs?check_name=preview&filter=all&app_id=7`, [
    { status: 200, what: "those of a name" },
    { status: 422, what: "no such commit", path: `commits/${"1".repeat(40)}/check-runs` },
  ]),
  ...ofWorkflow(PULLS, `commits/${SHA}/pulls`, [
    { status: 200, what: "the commit of a pull request" },
    { status: 422, what: "no such commit", path: `commits/${"1".repeat(40)}/pulls` },
  ]),
  {
    ...{ route: DEPLOY, path: "/repos/acme/shop/deployments" },
    ...{ status: 409, what: "a commit whose statuses are not good", body: { ref: BROKEN, environment: "pr-6" } },
  },
];
