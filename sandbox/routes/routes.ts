import { withRepository } from "./access.ts";
import { issueToken, listInstallations, showApp, showInstallation, withApp } from "./apps.ts";
import { deleteRef, listBranches } from "./branches.ts";
import { createComment, listComments, updateComment } from "./comments.ts";
import { showCommit } from "./commits.ts";
import { showContents } from "./contents.ts";
import { createDeployment, createDeploymentStatus, listDeploymentStatuses, listDeployments } from "./deployments.ts";
import { dispatch } from "./dispatches.ts";
import { addAssignees, addLabels } from "./issues.ts";
import { listFiles, listPulls, showPull } from "./pulls.ts";
import { type Call, decoded, type Handler, notFound, type Reply, type World } from "./reply.ts";
import { showRepository } from "./repositories.ts";
import { createStatus } from "./statuses.ts";
import { showRateLimit, showUser } from "./users.ts";
import { startWorkflow } from "./workflow-dispatch.ts";
import { listWorkflows } from "./workflows.ts";

/** Finds the route of a call, by GitHub's own template, and what answers it. */
export function routeOf(method: string, path: string): { route: string; answer(call: Call, world: World): Reply } {
  for (const { verb, template, pattern, handle } of ROUTES) {
    const match = verb === method ? pattern.exec(path) : null;
    if (match) {
      const parameters = match.slice(1).map((each = "") => decoded(each));
      return { route: `${verb} ${template}`, answer: (call, world) => handle(call, world, parameters) };
    }
  }
  return { route: `${method} ${path}`, answer: () => notFound };
}

const ROUTES = [
  route("GET /repos/{owner}/{repo}", withRepository("metadata=read", showRepository)),
  route("GET /repos/{owner}/{repo}/contents/{path}", withRepository("contents=read", showContents)),
  route("POST /repos/{owner}/{repo}/dispatches", withRepository("contents=write", dispatch)),
  route(
    "POST /repos/{owner}/{repo}/actions/workflows/{workflow_id}/dispatches",
    withRepository("actions=write", startWorkflow),
  ),
  route("GET /repos/{owner}/{repo}/branches", withRepository("contents=read", listBranches)),
  route("DELETE /repos/{owner}/{repo}/git/refs/{ref}", withRepository("contents=write", deleteRef)),
  route("GET /repos/{owner}/{repo}/pulls", withRepository("pull_requests=read", listPulls)),
  route("GET /repos/{owner}/{repo}/pulls/{pull_number}", withRepository("pull_requests=read", showPull)),
  route("GET /repos/{owner}/{repo}/pulls/{pull_number}/files", withRepository("pull_requests=read", listFiles)),
  route(
    "GET /repos/{owner}/{repo}/issues/{issue_number}/comments",
    withRepository("issues=read; pull_requests=read", listComments),
  ),
  route(
    "POST /repos/{owner}/{repo}/issues/{issue_number}/comments",
    withRepository("issues=write; pull_requests=write", createComment),
  ),
  route(
    "PATCH /repos/{owner}/{repo}/issues/comments/{comment_id}",
    withRepository("issues=write; pull_requests=write", updateComment),
  ),
  route(
    "POST /repos/{owner}/{repo}/issues/{issue_number}/labels",
    withRepository("issues=write; pull_requests=write", addLabels),
  ),
  route(
    "POST /repos/{owner}/{repo}/issues/{issue_number}/assignees",
    withRepository("issues=write; pull_requests=write", addAssignees),
  ),
  route("GET /repos/{owner}/{repo}/deployments", withRepository("deployments=read", listDeployments)),
  route("POST /repos/{owner}/{repo}/deployments", withRepository("deployments=write", createDeployment)),
  route(
    "GET /repos/{owner}/{repo}/deployments/{deployment_id}/statuses",
    withRepository("deployments=read", listDeploymentStatuses),
  ),
  route(
    "POST /repos/{owner}/{repo}/deployments/{deployment_id}/statuses",
    withRepository("deployments=write", createDeploymentStatus),
  ),
  route("POST /repos/{owner}/{repo}/statuses/{sha}", withRepository("statuses=write", createStatus)),
  route("GET /repos/{owner}/{repo}/commits/{ref}", withRepository("contents=read", showCommit)),
  route("GET /repos/{owner}/{repo}/actions/workflows", withRepository("actions=read", listWorkflows)),
  route("GET /repos/{owner}/{repo}/installation", withApp(showInstallation)),
  route("POST /app/installations/{installation_id}/access_tokens", withApp(issueToken)),
  route("GET /app/installations", withApp(listInstallations)),
  route("GET /app", withApp(showApp)),
  route("GET /user", showUser),
  route("GET /rate_limit", showRateLimit),
];

/** What is answered here, in the words of GitHub's description. */
export const ROUTE_NAMES: readonly string[] = ROUTES.map(({ verb, template }) => `${verb} ${template}`);

function route(verbAndTemplate: string, handle: Handler) {
  const [verb = "", template = ""] = verbAndTemplate.split(" ");
  const pattern = template
    .replace("/repos/{owner}/{repo}", "(?:/repos/([^/]+)/([^/]+)|/repositories/(\\d+)())")
    .replace("{path}", "(.*)")
    .replace("{ref}", "(.+)")
    .replaceAll(/\{\w+\}/g, "([^/]+)");
  return { verb, template, pattern: new RegExp(`^${pattern}$`), handle };
}
