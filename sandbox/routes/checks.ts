import type { CheckRun } from "../records.ts";
import type { Repository } from "../repository.ts";
import {
  type Call,
  failure,
  MADE,
  notFound,
  pageOf,
  parseObject,
  type Reply,
  type RepositoryHandler,
  timeOf,
  userJson,
  type World,
} from "./reply.ts";

const STATUSES = ["queued", "in_progress", "completed", "waiting", "requested", "pending"];
const CONCLUSIONS = ["action_required", "cancelled", "failure", "neutral", "success", "skipped", "timed_out"];

/** https://docs.github.com/en/rest/checks/runs#create-a-check-run */
export const createCheck: RepositoryHandler = (repository, call, world) => {
  const app = world.credentials.checksAppOf(call.token);
  if (app === undefined) return failure(403, "You must authenticate via a GitHub App.");
  const given = parseObject(call.body) ?? {};
  if (typeof given.name !== "string") return failure(422, `Invalid request.\n\n"name" wasn't supplied.`);
  if (typeof given.head_sha !== "string") return failure(422, `Invalid request.\n\n"head_sha" wasn't supplied.`);
  if (repository.commitOf(given.head_sha) !== given.head_sha) {
    return failure(422, `No commit found for SHA: ${given.head_sha}`);
  }
  const check: CheckRun = {
    ...{ id: 1 + repository.checks.length, sha: given.head_sha, app },
    ...{ name: given.name, externalId: "", detailsUrl: null, status: "queued", conclusion: null },
    ...{ output: { title: null, summary: null, text: null }, annotations: [] },
    ...{ startedAt: timeOf(world.now()), completedAt: null },
  };
  const problem = change(check, given, world);
  if (problem) return problem;
  repository.checks.push(check);
  return { status: 201, json: checkJson(repository, world, check) };
};

export const updateCheck: RepositoryHandler = (repository, call, world, [id]) => {
  const app = world.credentials.checksAppOf(call.token);
  if (app === undefined) return failure(403, "You must authenticate via a GitHub App.");
  const check = repository.checks.find((each) => each.id === Number(id));
  if (!check) return notFound;
  if (check.app !== app)
    return failure(403, "Invalid app_id - check run can only be modified by the GitHub App that created it.");
  return (
    change(check, parseObject(call.body) ?? {}, world) ?? { status: 200, json: checkJson(repository, world, check) }
  );
};

export const showCheck: RepositoryHandler = (repository, _call, world, [id]) => {
  const check = repository.checks.find((each) => each.id === Number(id));
  return check ? { status: 200, json: checkJson(repository, world, check) } : notFound;
};

/** https://docs.github.com/en/rest/checks/runs#list-check-run-annotations */
export const listAnnotations: RepositoryHandler = (repository, call, world, [id]) => {
  const check = repository.checks.find((each) => each.id === Number(id));
  if (!check) return notFound;
  const { items, headers } = pageOf(check.annotations, call, world);
  const blob = `https://github.com/${repository.fullName}/blob/${check.sha}`;
  const nothing = { start_column: null, end_column: null, title: null, raw_details: null };
  return {
    status: 200,
    headers,
    json: items.map((each) => ({ ...nothing, ...each, blob_href: `${blob}/${each.path}` })),
  };
};

/** Without `filter=all`, only the newest of each name and App, with any `external_id`. */
export const listChecks: RepositoryHandler = (repository, call, world, [ref = ""]) => {
  const sha = repository.commitOf(ref);
  if (!sha) return failure(422, `No commit found for SHA: ${ref}`);
  const { query } = call;
  const all = repository.checks.filter((check) => check.sha === sha).reverse();
  const newest = [...Map.groupBy(all, ({ name, app }) => `${app} ${name}`).values()].flatMap(([first]) => first ?? []);
  const found = (query.get("filter") === "all" ? all : newest)
    .filter(({ name }) => (query.get("check_name") ?? name) === name)
    .filter(({ status }) => (query.get("status") ?? status) === status)
    .filter(({ app }) => Number(query.get("app_id") ?? app) === app);
  return checksPage(repository, found, call, world);
};

function checksPage(repository: Repository, found: readonly CheckRun[], call: Call, world: World): Reply {
  const { items, headers } = pageOf(found, call, world);
  const check_runs = items.map((check) => checkJson(repository, world, check));
  return { status: 200, headers, json: { total_count: found.length, check_runs } };
}

/** Applies the given changes. Returns an answer if GitHub would reject them. */
function change(check: CheckRun, given: Record<string, unknown>, { now }: World): Reply | undefined {
  const { name, external_id, details_url, started_at, completed_at, output, conclusion } = given;
  const status = given.status ?? (conclusion === undefined ? check.status : "completed");
  if (!STATUSES.includes(String(status))) return failure(422, "Invalid request.\n\nstatus is not in the list.");
  if (conclusion !== undefined && !CONCLUSIONS.includes(String(conclusion))) {
    return failure(422, "Invalid request.\n\nconclusion is not in the list.");
  }
  if (status === "completed" && conclusion === undefined && check.conclusion === null) {
    return failure(422, `Invalid request.\n\n"conclusion" wasn't supplied.`);
  }
  const { title, summary, text } = (output ?? {}) as Record<string, string | undefined>;
  if (output !== undefined && typeof summary !== "string")
    return failure(422, `Invalid request.\n\n"summary" wasn't supplied.`);
  const added = (output as { annotations?: unknown } | undefined)?.annotations ?? [];
  const wrong = wrongAnnotations(added);
  if (wrong) return failure(422, `Invalid request.\n\n${wrong}`);
  check.annotations.push(...(added as Record<string, unknown>[]));
  check.status = String(status);
  check.conclusion = status === "completed" ? String(conclusion ?? check.conclusion) : null;
  check.completedAt = status === "completed" ? String(completed_at ?? timeOf(now())) : null;
  if (name !== undefined) check.name = String(name);
  if (external_id !== undefined) check.externalId = String(external_id);
  if (details_url !== undefined) check.detailsUrl = String(details_url);
  if (started_at !== undefined) check.startedAt = String(started_at);
  if (output !== undefined)
    check.output = { title: title ?? check.output.title, summary: summary ?? null, text: text ?? null };
  return undefined;
}

const LEVELS = ["notice", "warning", "failure"];
const MOST_ANNOTATIONS = 50;

function wrongAnnotations(given: unknown): string | undefined {
  if (!Array.isArray(given)) return "annotations is not an array.";
  if (given.length > MOST_ANNOTATIONS)
    return `No more than ${MOST_ANNOTATIONS} items are allowed; ${given.length} were supplied.`;
  const missing = ["path", "start_line", "end_line", "annotation_level", "message"].find((name) =>
    given.some((each) => each?.[name] === undefined),
  );
  if (missing) return `"${missing}" wasn't supplied.`;
  const isWrong = given.some((each) => !LEVELS.includes(each.annotation_level) || !(each.start_line <= each.end_line));
  return isWrong ? "annotation_level or a line is not valid." : undefined;
}

function checkJson({ fullName }: Repository, { base }: World, check: CheckRun) {
  const url = `${base}/repos/${fullName}/check-runs/${check.id}`;
  const html = `https://github.com/${fullName}/runs/${check.id}`;
  return {
    id: check.id,
    node_id: `CR_${check.id}`,
    head_sha: check.sha,
    external_id: check.externalId,
    url,
    html_url: html,
    details_url: check.detailsUrl ?? html,
    status: check.status,
    conclusion: check.conclusion,
    started_at: check.startedAt,
    completed_at: check.completedAt,
    output: { ...check.output, annotations_count: check.annotations.length, annotations_url: `${url}/annotations` },
    name: check.name,
    check_suite: { id: 5 },
    app: {
      ...{ id: check.app, slug: "gh-runner", node_id: `A_${check.app}`, name: "gh-runner", description: null },
      ...{
        owner: userJson("acme"),
        external_url: "https://example.com",
        html_url: "https://github.com/apps/gh-runner",
      },
      ...{ ...MADE, permissions: {}, events: [] },
    },
    pull_requests: [],
  };
}
