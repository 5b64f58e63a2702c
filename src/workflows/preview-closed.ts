import { defineWorkflow, type GitHub, skip } from "../index.ts";
import { ownerAndName } from "../model/github-names.ts";
import { contextOf, MAIN_WORKFLOW } from "./preview-input.ts";
import { keyOf } from "./report.ts";

type PreviewClosedOptions = {
  readonly targetRepo: string;
  /** As in `FollowTests`. */
  readonly context?: string | undefined;
};

/** Runs when a pull request is closed. Its environments disappear, so their deployments become inactive. */
export function previewClosed({ targetRepo, context }: PreviewClosedOptions) {
  return defineWorkflow({
    name: "preview-closed",
    repository: targetRepo,
    on: {
      github: {
        events: "pull_request",
        actions: ["closed"],
        filter: ({ payload }) => payload.repository.full_name.toLowerCase() === targetRepo.toLowerCase(),
      },
    },
    concurrency: ({ event }) => String(event.payload.number),
    labels: ({ event }) => ({ pullRequest: String(event.payload.number) }),
    async run({ event, github, step }) {
      const { number } = event.payload;
      const found = await step("deployments", async () => {
        const commits = await commitsOf(github, targetRepo, number);
        const all = (await deploymentsIn(github, targetRepo)).filter(({ environment, payload }) => {
          const key = keyOf(`${contextOf(MAIN_WORKFLOW, environment, context)}/${environment}`);
          return keyIn(payload) === key;
        });
        const its = new Set(all.flatMap(({ sha, environment }) => (commits.has(sha) ? [environment] : [])));
        // Also deployments of earlier commits: if no later one succeeded, GitHub has not made them inactive.
        return all.flatMap(({ sha, environment, payload }) =>
          its.has(environment) ? [{ sha, environment, key: keyIn(payload) ?? "" }] : [],
        );
      });
      if (found.length === 0) return skip(`pull request #${number} has no deployment of this service`);
      for (const { sha, environment, key } of found) {
        await step(`inactive ${environment} ${sha}`, () =>
          github.deployment({
            ...{ repository: targetRepo, sha, environment, key },
            ...{ state: "inactive", description: `Pull request #${number} was closed.` },
          }),
        );
      }
      return { inactive: [...new Set(found.map(({ environment }) => environment))] };
    },
  });
}

/** GitHub lists up to 250 commits of a pull request, and deployments of any age. The newest 300 are examined. */
const MAX_PAGES = 3;

async function commitsOf({ request }: Pick<GitHub, "request">, repository: string, pull_number: number) {
  const commits = new Set<string>();
  for (let page = 1; page <= MAX_PAGES; page++) {
    const which = { ...ownerAndName(repository), pull_number, per_page: 100, page };
    const { data } = await request("GET /repos/{owner}/{repo}/pulls/{pull_number}/commits", which);
    for (const { sha } of data) commits.add(sha);
    if (data.length < 100) break;
  }
  return commits;
}

async function deploymentsIn({ request }: Pick<GitHub, "request">, repository: string) {
  const all: { readonly sha: string; readonly environment: string; readonly payload: unknown }[] = [];
  for (let page = 1; page <= MAX_PAGES; page++) {
    const which = { ...ownerAndName(repository), per_page: 100, page };
    const { data } = await request("GET /repos/{owner}/{repo}/deployments", which);
    all.push(...data.map(({ sha, environment, payload }) => ({ sha, environment, payload })));
    if (data.length < 100) break;
  }
  return all;
}

/** GitHub returns a payload as an object or as text. */
function keyIn(payload: unknown): string | undefined {
  try {
    const { gh_runner_key: key } = typeof payload === "string" ? JSON.parse(payload) : payload;
    return typeof key === "string" ? key : undefined;
  } catch {
    return undefined;
  }
}
