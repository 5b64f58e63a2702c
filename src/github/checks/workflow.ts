import { type Check, ok, problem } from "../../model/check.ts";
import { ownerAndName } from "../files.ts";
import { jsonOf } from "../json-of.ts";
import { failed } from "./failed.ts";
import { dispatchTypesOf } from "./listens-to.ts";
import type { CheckNeeds } from "./needs.ts";
import type { RepositoryFacts } from "./repository.ts";

const NAME = "workflow";

/** The permission that the target's other requests are made with, so that an App needs no further token. */
const PERMISSION = "Contents: write";

type WorkflowFile = { readonly path: string; readonly types: "all" | "unreadable" | readonly string[] };

/**
 * Whether a workflow on the target's default branch, the only one that counts, listens to our event. GitHub takes events
 * that nobody listens to, and says nothing.
 */
export async function checkWorkflow(
  needs: CheckNeeds,
  repository: string,
  { fullName, defaultBranch }: RepositoryFacts,
): Promise<Check> {
  const { eventType } = needs;
  try {
    const files = await workflowFiles(needs, repository);
    const listening = files.filter(({ types }) => types === "all" || types.includes(eventType));
    if (listening.length === 0) return nobody(files, eventType, `${defaultBranch} of ${fullName}`);
    const states = await statesOf(needs, repository);
    if (states?.size === 0) {
      return problem(
        NAME,
        `${pathsOf(listening)} listens to ${eventType}, but GitHub knows no workflow of ${fullName}: Actions is disabled`,
        "Enable Actions in the repository's settings, under Actions.",
      );
    }
    const active = listening.filter(({ path }) => (states?.get(path) ?? "active") === "active");
    if (active.length > 0) return ok(NAME, `${pathsOf(active)} listens to ${eventType}`);
    const [first = { path: "" }] = listening;
    return problem(
      NAME,
      `${pathsOf(listening)} listens to ${eventType}, but is disabled (${states?.get(first.path)})`,
      `Enable it: gh workflow enable ${first.path.split("/").at(-1)} -R ${fullName}`,
    );
  } catch (error) {
    return failed(NAME, error);
  }
}

function nobody(files: readonly WorkflowFile[], eventType: string, where: string): Check {
  const others = files.flatMap(({ path, types }) =>
    types === "unreadable"
      ? [`${path} is not valid YAML`]
      : types !== "all" && types.length > 0
        ? [`${path} listens to ${types.join(", ")}`]
        : [],
  );
  return problem(
    NAME,
    `no workflow on ${where} listens to ${eventType}${others.length > 0 ? `: ${others.join("; ")}` : ""}`,
    `Add to a workflow there: on: { repository_dispatch: { types: [${eventType}] } }, or set EVENT_TYPE to what is listened to.`,
  );
}

async function workflowFiles({ inspection }: CheckNeeds, repository: string): Promise<WorkflowFile[]> {
  const read = (path: string, accept: string) =>
    inspection.ask(
      { tried: `reading ${path} in ${repository}`, repository, permission: PERMISSION },
      "GET /repos/{owner}/{repo}/contents/{path}",
      { ...ownerAndName(repository), path, headers: { accept } },
      [200, 404],
    );
  const folder = await read(".github/workflows", "application/vnd.github+json");
  const entries = folder.status === 200 ? Object.values(jsonOf(folder) as readonly { path?: unknown }[]) : [];
  const paths = entries.flatMap(({ path }) => (typeof path === "string" && /\.ya?ml$/.test(path) ? [path] : []));
  return Promise.all(
    paths.map(async (path) => {
      const { bytes } = await read(path, "application/vnd.github.raw+json");
      return { path, types: typesIn(new TextDecoder().decode(bytes)) };
    }),
  );
}

function typesIn(yaml: string): WorkflowFile["types"] {
  try {
    return dispatchTypesOf(yaml);
  } catch {
    return "unreadable";
  }
}

/** What GitHub says of each workflow, by the path of its file; undefined when the token may not read that. */
async function statesOf({ inspection }: CheckNeeds, repository: string): Promise<Map<string, string> | undefined> {
  try {
    const answer = await inspection.ask(
      { tried: `listing the workflows of ${repository}`, repository, permission: "Actions: read" },
      "GET /repos/{owner}/{repo}/actions/workflows",
      { ...ownerAndName(repository), per_page: 100 },
      [200],
    );
    const { workflows = [] } = jsonOf(answer) as { workflows?: readonly { path?: unknown; state?: unknown }[] };
    return new Map(workflows.map(({ path, state }) => [String(path), String(state)]));
  } catch {
    // It needs a permission that nothing else here does.
    return undefined;
  }
}

function pathsOf(files: readonly WorkflowFile[]): string {
  return files.map(({ path }) => path).join(", ");
}
