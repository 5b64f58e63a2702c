import type { Context, GitHub } from "../src/index.ts";

/** Never run: `tsc` checks that Octokit's names and `paginate` have the types of their routes, and that it reports errors. */

const repo = { owner: "acme", repo: "shop" };

export async function names({ rest }: GitHub) {
  const { data, headers } = await rest.issues.addLabels({ ...repo, issue_number: 7, labels: ["bug"] });
  const name: string | undefined = data[0]?.name;
  const link: string | undefined = headers.link;
  // @ts-expect-error: GitHub's answer has no such field
  data[0]?.nmae;
  await rest.issues.get({ ...repo, issue_number: 7 }, { allow: [404], retry: false });
  await rest.rateLimit.get();
  await rest.meta.get();
  // @ts-expect-error: issue_number is missing
  await rest.issues.get({ ...repo });
  // @ts-expect-error: there is no such parameter
  await rest.issues.get({ ...repo, issue_number: 7, issue: 7 });
  // @ts-expect-error: issue_number is a number
  await rest.issues.get({ ...repo, issue_number: "7" });
  // @ts-expect-error: the state is open or closed
  await rest.issues.update({ ...repo, issue_number: 7, state: "done" });
  // @ts-expect-error: Octokit has no such name
  await rest.issues.addLabel({ ...repo, issue_number: 7, labels: ["bug"] });
  // @ts-expect-error: Octokit has no such scope
  await rest.issue.get({ ...repo, issue_number: 7 });
  // @ts-expect-error: it goes to another host
  await rest.repos.uploadReleaseAsset({ ...repo, release_id: 7, data: "" });
  // @ts-expect-error: a workflow cannot set the number of retries
  await rest.issues.get({ ...repo, issue_number: 7 }, { retry: 5 });
  return { name, link };
}

export async function lists({ paginate, rest }: GitHub) {
  const labels = await paginate("GET /repos/{owner}/{repo}/labels", { ...repo });
  const names: string[] = labels.map(({ name }) => name);
  const issues = await paginate(rest.issues.listForRepo, { ...repo, state: "open", per_page: 50 });
  const numbers: number[] = issues.map(({ number }) => number);
  const runs = await paginate(rest.actions.listWorkflowRunsForRepo, { ...repo, status: "failure" });
  const conclusions: (string | null)[] = runs.map(({ conclusion }) => conclusion);
  const found = await paginate("GET /search/issues", { q: "is:open" });
  const titles: string[] = found.map(({ title }) => title);
  const mine: { full_name: string }[] = await paginate(rest.repos.listForAuthenticatedUser);
  const artifacts = await paginate(rest.actions.listWorkflowRunArtifacts, { ...repo, run_id: 7 });
  const expired: boolean[] = artifacts.map(({ expired }) => expired);
  const checks = await paginate(rest.checks.listForRef, { ...repo, ref: "main" }, ({ data }, done) => {
    if (data.length > 10) done();
    return data.map(({ name }) => name);
  });
  const checkNames: string[] = checks;
  const newer = await paginate("GET /repos/{owner}/{repo}/things", { ...repo });
  const unknown: unknown[] = newer;
  await paginate("GET /orgs/{org}/repos", { org: "acme" }, { repository: "acme/shop" });
  for await (const { data, status } of paginate.iterator(rest.pulls.list, { ...repo })) {
    const heads: string[] = data.map(({ head }) => head.sha);
    // @ts-expect-error: a pull request has no such field
    data[0]?.haed;
    names.push(...heads, String(status));
  }
  for await (const { data } of paginate.iterator("GET /repos/{owner}/{repo}/actions/runs", { ...repo })) {
    names.push(...data.map(({ head_sha }) => head_sha));
  }

  // @ts-expect-error: this route has no list
  await paginate("GET /repos/{owner}/{repo}", { ...repo });
  // @ts-expect-error: this route has no list either, only an object with lists
  await paginate(rest.pulls.get, { ...repo, pull_number: 7 });
  // @ts-expect-error: only a GET has pages
  await paginate("POST /repos/{owner}/{repo}/issues", { ...repo, title: "" });
  // @ts-expect-error: only a GET has pages
  await paginate(rest.issues.create, { ...repo, title: "" });
  // @ts-expect-error: owner and repo are missing
  await paginate("GET /repos/{owner}/{repo}/labels");
  // @ts-expect-error: owner is missing
  await paginate(rest.issues.listForRepo, { repo: "shop" });
  // @ts-expect-error: there is no such state
  await paginate(rest.issues.listForRepo, { ...repo, state: "opened" });
  // @ts-expect-error: a page is mapped to a list
  await paginate(rest.issues.listForRepo, { ...repo }, ({ data }) => data.length);
  // @ts-expect-error: only `paginate` calls it
  await paginate(rest.issues.listForRepo({ ...repo }));
  // @ts-expect-error: a list of pages needs `for await`
  await paginate.iterator("GET /repos/{owner}/{repo}/labels", { ...repo }).then();
  return { names, numbers, conclusions, titles, mine, checkNames, unknown, expired };
}

export async function bots({ github, fetch, notify, repository }: Context) {
  const { changed, commit } = await github.writeFile(repository, "VERSION", "2", { message: "Version 2" });
  const sha: string | undefined = commit;
  // @ts-expect-error: a commit has a message
  await github.writeFile(repository, "VERSION", "2", { branch: "bot" });
  // @ts-expect-error: a file is text or bytes
  await github.writeFile(repository, "a.json", { a: 1 }, { message: "" });
  const pull = await github.openPull({ repository, head: "bot", title: "Version 2", labels: ["release"] });
  // @ts-expect-error: there may be nothing to merge
  pull.number;
  // @ts-expect-error: a pull request has a title
  await github.openPull({ repository, head: "bot" });
  const files = await github.artifact(repository, 7, "coverage");
  const text: string | undefined = files.text("summary.txt");
  const bytes: Uint8Array | undefined = files.get("summary.txt");
  // @ts-expect-error: the files of an artifact are read, not changed
  files.set("summary.txt", new Uint8Array());
  // @ts-expect-error: the run is named by its id
  await github.artifact(repository, "7", "coverage");
  const answer: Response = await fetch("https://acme.dev", { method: "POST", body: "a" });
  // @ts-expect-error: a text is posted
  await notify("https://hooks.slack.com/services/a", { text: "a" });
  return [changed, sha, text, bytes, answer.status];
}

/** GitHub's types have `number | bigint` for ids that other routes accept as numbers. */
export async function ids({ rest, artifact, cancelRun }: GitHub): Promise<{ id: number | undefined }> {
  const { data } = await rest.actions.listWorkflowRunsForRepo({ ...repo });
  for (const { id } of data.workflow_runs) {
    await rest.actions.reRunWorkflowFailedJobs({ ...repo, run_id: id });
    await artifact("acme/shop", id, "sizes");
    await cancelRun("acme/shop", id);
  }
  return { id: data.workflow_runs[0]?.id };
}
