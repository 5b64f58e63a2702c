import type { StandInGitHub } from "../../sandbox/github.ts";
import { type Case, ofWorkflow } from "./exchanges.ts";

const REPOSITORY = "/repos/{owner}/{repo}/actions";
const RUNS = `GET ${REPOSITORY}/runs`;
const RUN = `GET ${REPOSITORY}/runs/{run_id}`;
const JOBS = `GET ${REPOSITORY}/runs/{run_id}/jobs`;
const CANCEL = `POST ${REPOSITORY}/runs/{run_id}/cancel`;
const FORCE_CANCEL = `POST ${REPOSITORY}/runs/{run_id}/force-cancel`;
const RERUN = `POST ${REPOSITORY}/runs/{run_id}/rerun`;
const WORKFLOW = `GET ${REPOSITORY}/workflows/{workflow_id}`;
const RUNS_OF_WORKFLOW = `GET ${REPOSITORY}/workflows/{workflow_id}/runs`;
const PERMISSIONS = `GET ${REPOSITORY}/permissions`;

/** The runs of the cases below: 5 and 8 are in progress, 6 and 7 have failed, 9 is queued. */
export function prepareRuns(github: StandInGitHub): void {
  const shop = github.repository("acme/shop");
  const job = { name: "test", attempt: 1, createdAt: 0 };
  const [startedAt, endedAt] = [1000, 2000];
  shop.addRun({
    id: 5,
    status: "in_progress",
    jobs: [{ ...job, id: 50, status: "in_progress", conclusion: null, startedAt, endedAt: undefined }],
  });
  for (const id of [6, 7]) {
    shop.addRun({
      ...{ id, event: "repository_dispatch", status: "completed", conclusion: "failure", title: "pr-7" },
      jobs: [{ ...job, id: 60, status: "completed", conclusion: "failure", startedAt, endedAt }],
    });
  }
  shop.addRun({ id: 8, status: "in_progress" });
  shop.addRun({
    id: 9,
    jobs: [{ ...job, id: 90, status: "queued", conclusion: null, startedAt: undefined, endedAt: undefined }],
  });
}

export const RUN_CASES: readonly Case[] = [
  ...ofWorkflow(RUNS, "actions/runs", [
    { status: 200, what: "all" },
    {
      status: 200,
      what: "those of an event since a time",
      path: "actions/runs?event=repository_dispatch&created=%3E%3D2025-12-01T00:00:00Z&per_page=1&status=failure",
    },
  ]),
  ...ofWorkflow(RUN, "actions/runs/5", [
    { status: 200, what: "a run that is under way" },
    { status: 200, what: "a run that has ended", path: "actions/runs/6" },
    { status: 404, what: "no such run", path: "actions/runs/99" },
  ]),
  ...ofWorkflow(JOBS, "actions/runs/6/jobs", [
    { status: 200, what: "a run that has ended" },
    { status: 200, what: "all attempts of a run that is under way", path: "actions/runs/5/jobs?filter=all" },
    { status: 200, what: "a run that is queued", path: "actions/runs/9/jobs" },
  ]),
  ...ofWorkflow(CANCEL, "actions/runs/5/cancel", [
    { status: 202, what: "a run that is under way" },
    { status: 409, what: "a run that has ended", path: "actions/runs/6/cancel" },
  ]),
  ...ofWorkflow(FORCE_CANCEL, "actions/runs/8/force-cancel", [
    { status: 202, what: "a run that is under way" },
    { status: 409, what: "a run that has ended", path: "actions/runs/6/force-cancel" },
  ]),
  ...ofWorkflow(RERUN, "actions/runs/7/rerun", [
    { status: 201, what: "a run that has ended" },
    { status: 403, what: "a run that is under way", path: "actions/runs/9/rerun" },
  ]),
  ...ofWorkflow(WORKFLOW, "actions/workflows/tests.yml", [
    { status: 200, what: "a file" },
    { status: 404, what: "no such file", path: "actions/workflows/none.yml" },
  ]),
  ...ofWorkflow(RUNS_OF_WORKFLOW, "actions/workflows/tests.yml/runs", [{ status: 200, what: "a file" }]),
  ...ofWorkflow(PERMISSIONS, "actions/permissions", [{ status: 200, what: "a repository" }]),
];
