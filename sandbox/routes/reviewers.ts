import { note } from "./issues.ts";
import { pullJson, withPull } from "./pulls.ts";
import { type Call, failure, parseObject, type RepositoryRoute, teamJson, userJson } from "./reply.ts";

const listReviewers = withPull((_repository, { reviewers, teamReviewers }) => ({
  status: 200,
  json: { users: reviewers.map(userJson), teams: teamReviewers.map(teamJson) },
}));

const askReviewers = withPull((repository, pull, call, world) => {
  const { people, teams } = askedOf(call);
  if (people.includes(pull.author)) return failure(422, "Review cannot be requested from pull request author.");
  for (const login of people.filter((each) => !pull.reviewers.includes(each))) {
    pull.reviewers.push(login);
    note(repository, pull, call, world, { event: "review_requested" });
  }
  for (const team of teams) if (!pull.teamReviewers.includes(team)) pull.teamReviewers.push(team);
  return { status: 201, json: pullJson(repository, world, pull) };
});

const removeReviewers = withPull((repository, pull, call, world) => {
  const { people, teams } = askedOf(call);
  drop(pull.reviewers, people);
  drop(pull.teamReviewers, teams);
  return { status: 200, json: pullJson(repository, world, pull) };
});

function askedOf(call: Call): { readonly people: readonly string[]; readonly teams: readonly string[] } {
  const { reviewers = [], team_reviewers = [] } = parseObject(call.body) ?? {};
  return { people: [reviewers].flat().map(String), teams: [team_reviewers].flat().map(String) };
}

function drop(list: string[], names: readonly string[]): void {
  list.splice(0, list.length, ...list.filter((each) => !names.includes(each)));
}

export const reviewerRoutes: readonly RepositoryRoute[] = [
  ["GET /pulls/{pull_number}/requested_reviewers", "pull_requests=read", listReviewers],
  ["POST /pulls/{pull_number}/requested_reviewers", "pull_requests=write", askReviewers],
  ["DELETE /pulls/{pull_number}/requested_reviewers", "pull_requests=write", removeReviewers],
];
