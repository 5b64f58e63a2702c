import type { Label } from "../issues.ts";
import type { Repository } from "../repository.ts";
import { labelJson } from "./issue-json.ts";
import { nameOf, note, setLabels, withIssue } from "./issues.ts";
import {
  type Call,
  failure,
  ISSUES_READ,
  ISSUES_WRITE,
  listed,
  notFound,
  parseObject,
  type Reply,
  type RepositoryHandler,
  type RepositoryRoute,
  type World,
} from "./reply.ts";

const listLabels: RepositoryHandler = (repository, call, world) =>
  listed([...repository.labels.values()], call, world, (label) => labelJson(repository, world, label));

function withLabel(then: (repository: Repository, label: Label, call: Call, world: World) => Reply): RepositoryHandler {
  return (repository, call, world, [name = ""]) => {
    const label = repository.labels.get(name.toLowerCase());
    return label ? then(repository, label, call, world) : notFound;
  };
}

const showLabel = withLabel((repository, label, _call, world) => ({
  status: 200,
  json: labelJson(repository, world, label),
}));

const createLabel: RepositoryHandler = (repository, call, world) => {
  const { name, color = "ededed", description } = parseObject(call.body) ?? {};
  if (typeof name !== "string" || name === "") return failure(422, `Invalid request.\n\n"name" wasn't supplied.`);
  if (repository.labels.has(name.toLowerCase())) return invalid("already_exists", "name");
  if (!isColor(color)) return invalid("invalid", "color");
  const label = repository.label(name, { color, description: String(description ?? "") });
  const json = labelJson(repository, world, label);
  return { status: 201, headers: { location: json.url }, json };
};

const updateLabel = withLabel((repository, label, call, world) => {
  const { new_name, color = label.color, description = label.description } = parseObject(call.body) ?? {};
  if (!isColor(color)) return invalid("invalid", "color");
  const before = label.name;
  const name = typeof new_name === "string" ? new_name : before;
  Object.assign(label, { name, color, description });
  repository.labels.delete(before.toLowerCase());
  repository.labels.set(name.toLowerCase(), label);
  for (const { labels } of withThem(repository)) {
    const place = labels.indexOf(before);
    if (place !== -1) labels[place] = name;
  }
  return { status: 200, json: labelJson(repository, world, label) };
});

const deleteLabel = withLabel((repository, { name }) => {
  repository.labels.delete(name.toLowerCase());
  for (const { labels } of withThem(repository)) {
    const place = labels.indexOf(name);
    if (place !== -1) labels.splice(place, 1);
  }
  return { status: 204 };
});

const withThem = ({ issues, pulls }: Repository) => [...issues.values(), ...pulls.values()];

/** Without the `#`. */
const isColor = (color: unknown): color is string => typeof color === "string" && /^[0-9a-f]{6}$/i.test(color);

function invalid(code: string, field: string): Reply {
  const { status, json } = failure(422, "Validation Failed");
  return { status, json: { ...(json as object), errors: [{ resource: "Label", code, field }] } };
}

const listLabelsOfIssue = withIssue((repository, { labels }, call, world) =>
  listed(labels, call, world, (name) => labelJson(repository, world, repository.label(name))),
);

/** The labels in the body, as a list or as `labels`. Undefined if it contains none. */
function labelsOf({ body }: Call): readonly string[] | undefined {
  const given = body.trimStart().startsWith("[") ? (JSON.parse(body) as unknown) : parseObject(body)?.labels;
  return Array.isArray(given) ? given.map(nameOf) : undefined;
}

const NONE_GIVEN = failure(422, `Invalid request.\n\n"labels" wasn't supplied.`);

/** Adds labels. Creates labels that the repository does not have. */
const addLabels = withIssue((repository, issue, call, world) => {
  const labels = labelsOf(call);
  if (!labels) return NONE_GIVEN;
  setLabels(repository, issue, [...issue.labels, ...labels], call, world);
  return { status: 200, json: issue.labels.map((name) => labelJson(repository, world, repository.label(name))) };
});

const replaceLabels = withIssue((repository, issue, call, world) => {
  const labels = labelsOf(call);
  if (!labels) return NONE_GIVEN;
  setLabels(repository, issue, labels, call, world);
  return { status: 200, json: issue.labels.map((name) => labelJson(repository, world, repository.label(name))) };
});

const removeAllLabels = withIssue((repository, issue, call, world) => {
  setLabels(repository, issue, [], call, world);
  return { status: 204 };
});

const removeLabel = withIssue((repository, issue, call, world, [name = ""]) => {
  const place = issue.labels.findIndex((each) => each.toLowerCase() === name.toLowerCase());
  if (place === -1) return failure(404, "Label does not exist");
  const [label = name] = issue.labels.splice(place, 1);
  note(repository, issue, call, world, { event: "unlabeled", label });
  return { status: 200, json: issue.labels.map((each) => labelJson(repository, world, repository.label(each))) };
});

export const labelRoutes: readonly RepositoryRoute[] = [
  ["GET /labels", ISSUES_READ, listLabels],
  ["POST /labels", ISSUES_WRITE, createLabel],
  ["GET /labels/{name}", ISSUES_READ, showLabel],
  ["PATCH /labels/{name}", ISSUES_WRITE, updateLabel],
  ["DELETE /labels/{name}", ISSUES_WRITE, deleteLabel],
  ["GET /issues/{issue_number}/labels", ISSUES_READ, listLabelsOfIssue],
  ["POST /issues/{issue_number}/labels", ISSUES_WRITE, addLabels],
  ["PUT /issues/{issue_number}/labels", ISSUES_WRITE, replaceLabels],
  ["DELETE /issues/{issue_number}/labels", ISSUES_WRITE, removeAllLabels],
  ["DELETE /issues/{issue_number}/labels/{name}", ISSUES_WRITE, removeLabel],
];
