import { dispatch, listWorkflows, showPermissions, showWorkflow, startWorkflow } from "./actions.ts";
import { issueToken, listInstallations, showApp, showInstallation, withApp } from "./apps.ts";
import { artifactRoutes, downloadArtifact } from "./artifacts.ts";
import { changeRoutes } from "./changes.ts";
import { createCheck, listAnnotations, listChecks, showCheck, updateCheck } from "./checks.ts";
import { commentRoutes } from "./comments.ts";
import { compare, deleteRef, listBranches, matchingRefs, showBranch, showCommit, showContents } from "./commits.ts";
import { createDeployment, createDeploymentStatus, listDeploymentStatuses, listDeployments } from "./deployments.ts";
import { hookRoutes } from "./hooks.ts";
import { issueEventRoutes } from "./issue-events.ts";
import { issueRoutes } from "./issues.ts";
import { labelRoutes } from "./labels.ts";
import { milestoneRoutes } from "./milestones.ts";
import { collaboratorRoutes, peopleRoutes } from "./people.ts";
import { listFiles, listPulls, listPullsOfCommit, showPull } from "./pulls.ts";
import { reactionRoutes } from "./reactions.ts";
import { releaseRoutes } from "./releases.ts";
import { type Call, decoded, type Handler, notFound, type Reply, type RepositoryRoute, type World } from "./reply.ts";
import { showRepository, withRepository } from "./repositories.ts";
import { reviewerRoutes } from "./reviewers.ts";
import { reviewRoutes } from "./reviews.ts";
import { cancel, forceCancel, listJobs, listRuns, listRunsOfWorkflow, rerun, showAttempt, showRun } from "./runs.ts";
import { searchRoutes } from "./search.ts";
import { createStatus, listStatuses, showCombinedStatus } from "./statuses.ts";
import { showRateLimit, showUser } from "./users.ts";

/** Finds the route of a call by GitHub's template, and its handler. */
export function routeOf(
  method: string,
  path: string,
): { route: string; isKnown: boolean; answer(call: Call, world: World): Reply } {
  for (const { verb, template, pattern, handle } of [...ROUTES, DOWNLOAD]) {
    const match = verb === method ? pattern.exec(path) : null;
    if (match) {
      const parameters = match.slice(1).map((each = "") => decoded(each));
      return { route: `${verb} ${template}`, isKnown: true, answer: (call, world) => handle(call, world, parameters) };
    }
  }
  return { route: `${method} ${path}`, isKnown: false, answer: () => notFound };
}

/** Routes below `/repos/{owner}/{repo}`, each with the required permission. */
const OF_REPOSITORIES: readonly RepositoryRoute[] = [
  ["GET", "metadata=read", showRepository],
  ["GET /contents/{path}", "contents=read", showContents],
  ["POST /dispatches", "contents=write", dispatch],
  ["GET /actions/workflows", "actions=read", listWorkflows],
  ["POST /actions/workflows/{workflow_id}/dispatches", "actions=write", startWorkflow],
  ["GET /actions/workflows/{workflow_id}", "actions=read", showWorkflow],
  ["GET /actions/workflows/{workflow_id}/runs", "actions=read", listRunsOfWorkflow],
  ["GET /actions/permissions", "administration=read", showPermissions],
  ["GET /actions/runs", "actions=read", listRuns],
  ["GET /actions/runs/{run_id}", "actions=read", showRun],
  ["GET /actions/runs/{run_id}/jobs", "actions=read", listJobs],
  ["POST /actions/runs/{run_id}/cancel", "actions=write", cancel],
  ["POST /actions/runs/{run_id}/force-cancel", "actions=write", forceCancel],
  ["POST /actions/runs/{run_id}/rerun", "actions=write", rerun],
  ["POST /actions/runs/{run_id}/rerun-failed-jobs", "actions=write", rerun],
  ["GET /actions/runs/{run_id}/attempts/{attempt_number}", "actions=read", showAttempt],
  ["GET /branches", "contents=read", listBranches],
  ["GET /branches/{branch}", "contents=read", showBranch],
  ["GET /git/matching-refs/{ref}", "contents=read", matchingRefs],
  ["DELETE /git/refs/{ref}", "contents=write", deleteRef],
  ["GET /compare/{basehead}", "contents=read", compare],
  ["GET /commits/{ref}/statuses", "statuses=read", listStatuses],
  ["GET /commits/{ref}/status", "statuses=read", showCombinedStatus],
  ["GET /commits/{ref}/check-runs", "checks=read", listChecks],
  ["GET /commits/{commit_sha}/pulls", "pull_requests=read", listPullsOfCommit],
  ["GET /commits/{ref}", "contents=read", showCommit],
  ["POST /check-runs", "checks=write", createCheck],
  ["GET /check-runs/{check_run_id}", "checks=read", showCheck],
  ["GET /check-runs/{check_run_id}/annotations", "checks=read", listAnnotations],
  ["PATCH /check-runs/{check_run_id}", "checks=write", updateCheck],
  ["POST /statuses/{sha}", "statuses=write", createStatus],
  ["GET /pulls", "pull_requests=read", listPulls],
  ["GET /pulls/{pull_number}", "pull_requests=read", showPull],
  ["GET /pulls/{pull_number}/files", "pull_requests=read", listFiles],
  ["GET /deployments", "deployments=read", listDeployments],
  ["POST /deployments", "deployments=write", createDeployment],
  ["GET /deployments/{deployment_id}/statuses", "deployments=read", listDeploymentStatuses],
  ["POST /deployments/{deployment_id}/statuses", "deployments=write", createDeploymentStatus],
  ...changeRoutes,
  ...artifactRoutes,
  ...issueRoutes,
  ...issueEventRoutes,
  ...labelRoutes,
  ...reviewRoutes,
  ...commentRoutes,
  ...milestoneRoutes,
  ...reactionRoutes,
  ...reviewerRoutes,
  ...releaseRoutes,
  ...collaboratorRoutes,
];

const ROUTES = [
  ...OF_REPOSITORIES.map(([name, permission, handle]) =>
    route(name.replace(/ |$/, " /repos/{owner}/{repo}"), withRepository(permission, handle)),
  ),
  route("GET /repos/{owner}/{repo}/installation", withApp(showInstallation)),
  route("POST /app/installations/{installation_id}/access_tokens", withApp(issueToken)),
  route("GET /app/installations", withApp(listInstallations)),
  route("GET /app", withApp(showApp)),
  ...hookRoutes.map(([name, handle]) => route(name, handle)),
  ...[...peopleRoutes, ...searchRoutes].map(([name, handle]) => route(name, handle)),
  route("GET /user", showUser),
  route("GET /rate_limit", showRateLimit),
];

/** Not a route of the API: GitHub keeps artifacts at another host. */
const DOWNLOAD = route("GET /downloads/artifacts/{repository_id}/{artifact_id}", downloadArtifact);

/** The routes that are answered here, in the words of GitHub's description. */
export const ROUTE_NAMES: readonly string[] = ROUTES.map(({ verb, template }) => `${verb} ${template}`);

function route(verbAndTemplate: string, handle: Handler) {
  const [verb = "", template = ""] = verbAndTemplate.split(" ");
  const pattern = template
    .replace("/repos/{owner}/{repo}", "(?:/repos/([^/]+)/([^/]+)|/repositories/(\\d+)())")
    .replace("{path}", "(.*)")
    .replace(/\{(?:ref|basehead|tag)\}/, "(.+)")
    .replaceAll(/\{\w+\}/g, "([^/]+)");
  return { verb, template, pattern: new RegExp(`^${pattern}$`), handle };
}
