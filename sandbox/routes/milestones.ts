import type { Milestone } from "../issues.ts";
import type { Repository } from "../repository.ts";
import {
  type Call,
  failure,
  ISSUES_READ,
  ISSUES_WRITE,
  listed,
  MADE,
  notFound,
  parseObject,
  type Reply,
  type RepositoryHandler,
  type RepositoryRoute,
  userJson,
  type World,
} from "./reply.ts";

/** Open milestones, unless another state is requested, sorted by due date. */
const listMilestones: RepositoryHandler = (repository, call, world) => {
  const state = call.query.get("state") ?? "open";
  const sign = call.query.get("direction") === "desc" ? -1 : 1;
  const due = ({ dueOn }: Milestone) => Date.parse(dueOn ?? "9999-12-31T00:00:00Z");
  const found = [...repository.milestones.values()]
    .filter((each) => state === "all" || each.state === state)
    .sort((a, b) => sign * (due(a) - due(b) || a.number - b.number));
  return listed(found, call, world, (each) => milestoneJson(repository, world, each));
};

function withMilestone(
  then: (repository: Repository, milestone: Milestone, call: Call, world: World) => Reply,
): RepositoryHandler {
  return (repository, call, world, [number]) => {
    const milestone = repository.milestones.get(Number(number));
    return milestone ? then(repository, milestone, call, world) : notFound;
  };
}

const showMilestone = withMilestone((repository, milestone, _call, world) => ({
  status: 200,
  json: milestoneJson(repository, world, milestone),
}));

const createMilestone: RepositoryHandler = (repository, call, world) => {
  const { title } = parseObject(call.body) ?? {};
  const isTaken = [...repository.milestones.values()].some((each) => each.title === title);
  if (typeof title !== "string" || title === "" || isTaken) return failure(422, "Validation Failed");
  const number = Math.max(0, ...repository.milestones.keys()) + 1;
  const milestone: Milestone = { number, title, description: null, state: "open", dueOn: null };
  repository.milestones.set(number, milestone);
  change(milestone, call);
  return { status: 201, json: milestoneJson(repository, world, milestone) };
};

const updateMilestone = withMilestone((repository, milestone, call, world) => {
  change(milestone, call);
  return { status: 200, json: milestoneJson(repository, world, milestone) };
});

function change(milestone: Milestone, call: Call): void {
  const { title, description, state, due_on } = parseObject(call.body) ?? {};
  const given = { title, description, state, dueOn: due_on };
  Object.assign(milestone, Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)));
}

export const milestoneRoutes: readonly RepositoryRoute[] = [
  ["GET /milestones", ISSUES_READ, listMilestones],
  ["POST /milestones", ISSUES_WRITE, createMilestone],
  ["GET /milestones/{milestone_number}", ISSUES_READ, showMilestone],
  ["PATCH /milestones/{milestone_number}", ISSUES_WRITE, updateMilestone],
];

export function milestoneJson(repository: Repository, { base }: World, milestone: Milestone) {
  const { number, title, description, state, dueOn } = milestone;
  const url = `${base}/repos/${repository.fullName}/milestones/${number}`;
  const having = [...repository.issues.values(), ...repository.pulls.values()].filter(
    (each) => each.milestone === number,
  );
  const open_issues = having.filter((each) => each.state === "open").length;
  return {
    ...{ id: number, node_id: `MI_${number}`, number, title, description, state, url },
    html_url: `https://github.com/${repository.fullName}/milestone/${number}`,
    labels_url: `${url}/labels`,
    creator: userJson("octocat"),
    ...{ open_issues, closed_issues: having.length - open_issues },
    ...MADE,
    closed_at: state === "closed" ? MADE.updated_at : null,
    due_on: dueOn,
  };
}
