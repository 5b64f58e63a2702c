import type { World } from "./routes/reply.ts";

const ASKED =
  /^\/repos\/([^/]+\/[^/]+)(?:\/(?:(?:pulls|issues)\/(\d+)|actions\/workflows\/([^/]+\.ya?ml)\/dispatches))?/;

const COMMIT = /\b[0-9a-f]{40}\b/g;

/**
 * Makes what a request needs, and leaves what is there as it is: the token, the repository, its pull request, its workflow
 * file, and every commit that the request names.
 */
export function provide(
  { credentials, repositories }: Pick<World, "credentials" | "repositories">,
  path: string,
  body: string,
  token: string,
): void {
  if (!credentials.grantOf(token)) credentials.add(token);
  const [, name, number, file] = ASKED.exec(path) ?? [];
  if (name === undefined) return;
  const repository = repositories.open(name);
  for (const [sha] of `${path} ${body}`.matchAll(COMMIT)) repository.addCommit(sha);
  if (number !== undefined && !repository.pulls.has(Number(number))) repository.openPull({ number: Number(number) });
  const workflow = `.github/workflows/${file}`;
  const listens = repository.file(workflow, repository.defaultBranch)?.bytes.includes("workflow_dispatch");
  if (file !== undefined && !listens) repository.put(workflow, "on: workflow_dispatch\n");
}
