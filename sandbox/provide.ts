import { readWorkflowFile } from "./actions/workflow-file.ts";
import { issuerOf } from "./credentials.ts";
import type { Repository } from "./repository.ts";
import { parseObject, type World } from "./routes/reply.ts";

/** The id of Apps that are known by their client id, or by an id that is taken for one here. */
const FIRST_APP = 1;

const ASKED =
  /^\/repos\/([^/]+\/[^/]+)(?:\/(?:(?:pulls|issues)\/(\d+)|actions\/workflows\/([^/]+\.ya?ml)\/dispatches))?/;

/** The changed files of a pull request. A filter for paths probably looks for one of these. */
const CHANGED = ["README.md", "docs/index.md", "package.json", "src/index.ts"];

const COMMIT = /\b[0-9a-f]{40}\b/g;

/**
 * Creates what a request needs, and leaves existing objects unchanged: the token or the App, the repository, its pull
 * request, its workflow file, and every commit that the request names.
 */
export function provide(
  { credentials, repositories }: Pick<World, "credentials" | "repositories">,
  path: string,
  body: string,
  token: string,
): void {
  const issuer = issuerOf(token);
  if (issuer === undefined) {
    if (!credentials.grantOf(token)) credentials.add(token, { app: 1 });
  } else if (!credentials.isKnownApp(issuer)) {
    credentials.addApp({ id: FIRST_APP, clientId: issuer, installations: [], isEverywhere: true });
  }
  const [, name, number, file] = ASKED.exec(path) ?? [];
  if (name === undefined) return;
  const repository = repositories.open(name);
  for (const [sha] of `${path} ${body}`.matchAll(COMMIT)) repository.addCommit(sha);
  if (number !== undefined && !repository.pulls.has(Number(number))) {
    repository.openPull({ number: Number(number), files: CHANGED });
  }
  if (file !== undefined) provideWorkflow(repository, file, parseObject(body)?.inputs ?? {});
}

/** A workflow file that can be started with these inputs. An existing file stays unchanged. */
function provideWorkflow(repository: Repository, file: string, inputs: object): void {
  const path = `.github/workflows/${file}`;
  const text = repository.file(path, repository.defaultBranch)?.bytes.toString() ?? "";
  const { on } = readWorkflowFile(text);
  if (on.has("workflow_dispatch") && !text.startsWith(PROVIDED)) return;
  const declared = { ...(on.get("workflow_dispatch")?.inputs as object | undefined) };
  for (const name of Object.keys(inputs)) Object.assign(declared, { [name]: {} });
  repository.put(path, `${PROVIDED}${JSON.stringify({ on: { workflow_dispatch: { inputs: declared } } })}\n`);
}

const PROVIDED = "# Made by the stand-in GitHub.\n";
