import { type Duration, millisecondsOf } from "../../model/duration.ts";
import { isRepositoryName } from "../../model/github-names.ts";
import { nearestName } from "../../model/nearest-name.ts";
import { webhookAddress } from "../../model/notices.ts";
import { DEFAULT_CONTEXT, REPORTS } from "../../workflows/preview-input.ts";
import { appOfWorkflow } from "./github.ts";
import { baseUrl, numberFrom, oneOf, optional, type Reader, setting } from "./setting.ts";

export const WORKFLOWS_SETTINGS = {
  targetRepo: setting(
    "TARGET_REPO",
    "sematext/sematext-cloud",
    "Repository (owner/name) that receives the event (`repository_dispatch`).",
    repository,
  ),
  deploymentRepo: setting(
    "DEPLOYMENT_REPO",
    "sematext/deployment",
    "Repository (owner/name) with the values files.",
    repository,
  ),
  deploymentRef: setting(
    "DEPLOYMENT_REF",
    "",
    "Branch, tag or commit of DEPLOYMENT_REPO to read if the request names no revision. Empty: the default branch.",
    optional,
  ),
  valuesPaths: setting(
    "VALUES_PATHS",
    "configs/pr/light/{application}/values.yaml,configs/pr/heavy/{application}/values.yaml",
    "Comma-separated paths of an application's values file. The first one that exists is used.",
    pathTemplates,
  ),
  tagKey: setting("TAG_KEY", "global.config.DEPLOYMENT_TAG", "Dotted path of the commit hash in that file.", keyPath),
  eventType: setting("EVENT_TYPE", "environment_ready", "Event type to send: 1 to 100 characters.", eventType),
  verifyCommit: setting(
    "VERIFY_COMMIT",
    "false",
    "`true`: send the event only if the commit exists in TARGET_REPO, as a full or abbreviated hash, or as a tag. A branch does not " +
      "count, because it may name another commit tomorrow. The check costs one or two more reads. If it fails, the run fails and names " +
      "the file, the key and the value.",
    (text) => oneOf(["true", "false"], "true or false")(text) === "true",
  ),
  applicationPrefix: setting(
    "APPLICATION_PREFIX",
    "pr-",
    "Skip applications whose names do not start with this. Set it to nothing (`APPLICATION_PREFIX=`) to skip none.",
    (text) => text,
    { emptyCounts: true },
  ),
  dedupeSeconds: setting(
    "DEDUPE_SECONDS",
    "0",
    "Send the same commit for the same application only once in this many seconds, and skip the repeats. 0: send it every time.",
    numberFrom(0, 604_800),
  ),
  targetWorkflow: setting(
    "TARGET_WORKFLOW",
    "",
    "Workflow of TARGET_REPO to start with `workflow_dispatch` instead of sending an event: `tests.yml`, or `tests.yml@REF` for another " +
      "ref than the default branch. Its inputs are `commitHash`, `sourceName`, and with FOLLOW `run`. Needs the permission Actions: " +
      "write. Empty: `repository_dispatch`.",
    targetWorkflow,
  ),
  follow: setting(
    "FOLLOW",
    "",
    "Where to report the result of the tests (docs/following.md): `status`, `check`, `comment`, `deployment`, or several of " +
      "them, comma-separated. The tests of a request with a `github_token` are not followed. Empty: none are.",
    (text) => listOf(REPORTS, text),
  ),
  followContext: setting(
    "FOLLOW_CONTEXT",
    DEFAULT_CONTEXT,
    "Name of that status or check. Use `{application}` in it if you deploy several applications from one commit.",
    statusContext,
  ),
  followTimeout: setting("FOLLOW_TIMEOUT", "6h", "How long to follow tests, such as `90m`.", lengthOfTime),
  nothingAfter: setting(
    "NOTHING_AFTER",
    "3m",
    "How long to wait until GitHub shows the tests' run. After that the service looks for the cause, and sends the event again if that " +
      "can help.",
    lengthOfTime,
  ),
  environmentUrl: setting(
    "ENVIRONMENT_URL",
    "",
    "Address of an environment, for links in reports: `https://{application}.preview.example`.",
    (text) => (text === "" ? undefined : environmentUrl(text)),
  ),
  argocdUrl: setting(
    "ARGOCD_URL",
    "",
    "Address of ArgoCD, for links in reports and on the page: `https://argocd.example`.",
    (text) => (text === "" ? undefined : baseUrl("https://argocd.example", "the sign-in of ArgoCD")(text)),
  ),
  dir: setting(
    "WORKFLOWS_DIR",
    "",
    "Folder of your workflows. Each `*.ts`, `*.mts` or `*.js` file in it is a workflow (docs/workflows.md). Empty: none.",
    optional,
  ),
  strict: setting(
    "WORKFLOWS_STRICT",
    "true",
    "`true`: the service does not start if a file of WORKFLOWS_DIR is broken. `false`: it starts without that file " +
      "(docs/workflows.md#the-folder).",
    (text) => oneOf(["true", "false"], "true or false")(text) === "true",
  ),
  reload: setting(
    "WORKFLOWS_RELOAD",
    "false",
    "`true`: load changes in WORKFLOWS_DIR within seconds, without a restart (docs/workflows.md#the-folder). `false`: read the " +
      "files only at the start.",
    (text) => oneOf(["true", "false"], "true or false")(text) === "true",
  ),
  retryHours: setting(
    "RETRY_HOURS",
    "24",
    "How long to retry a run after temporary errors, in hours. After that the run is a failure.",
    numberFrom(0, 720),
  ),
};

/** Settings of the built-in workflows, and of the folder of your workflows. */
export type WorkflowsConfig = ReturnType<typeof workflowsConfig>;

export function workflowsConfig({ values, isSet, variable }: Reader) {
  return {
    ...values(WORKFLOWS_SETTINGS),
    /** Whether each of the two repositories is only the default. */
    defaults: { targetRepo: !isSet("TARGET_REPO"), deploymentRepo: !isSet("DEPLOYMENT_REPO") },
    /**
     * A variable that a workflow declares, or the content of the file that `{name}_FILE` names; undefined if not set.
     * @throws Error when the file cannot be read.
     */
    variable,
    /**
     * The GitHub App that a workflow names.
     * @throws Error when one of its variables is not set or invalid.
     */
    app: (name: string) => appOfWorkflow(name, variable),
    /**
     * The webhook address that a workflow names for its notices; undefined if no notices are sent.
     * @throws Error when the variable is not set, or is no address.
     */
    address: (name: string): string | undefined => addressIn(name, variable(name)),
  };
}

function addressIn(name: string, value: string | undefined): string {
  if (value === undefined) throw new Error(`${name} is not set: set it, or ${name}_FILE`);
  try {
    return webhookAddress(value);
  } catch (cause) {
    throw new Error(`${name}: ${(cause as Error).message}`, { cause });
  }
}

function repository(text: string): string {
  if (!isRepositoryName(text)) throw new Error(`expected owner/name, got "${text}"`);
  return text;
}

function pathTemplates(text: string): readonly string[] {
  const templates = text.split(",").map((template) => template.trim());
  for (const template of templates) {
    if (!template.includes("{application}")) throw new Error(`expected {application} in each path, got "${template}"`);
    if (template.split("/").some((segment) => ["", ".", ".."].includes(segment))) {
      throw new Error(`expected paths from the repository's root, without empty segments, . or .., got "${template}"`);
    }
  }
  return templates;
}

function keyPath(text: string): string {
  if (text.split(".").includes("")) throw new Error(`expected names separated by dots, got "${text}"`);
  return text;
}

/** GitHub's limit: https://docs.github.com/en/rest/repos/repos#create-a-repository-dispatch-event */
function eventType(text: string): string {
  if (text.length > 100) throw new Error(`expected up to 100 characters, got ${text.length}`);
  return text;
}

function targetWorkflow(text: string): string | undefined {
  if (text === "") return undefined;
  if (!/^[^/\\@\s]+\.ya?ml(?:@[^\s@]+)?$/.test(text)) {
    throw new Error(`expected the name of a file such as tests.yml, or tests.yml@REF, got "${text}"`);
  }
  return text;
}

function listOf<Word extends string>(words: readonly Word[], text: string): readonly Word[] {
  const given = text.split(",").flatMap((each) => each.trim() || []);
  const wrong = given.find((each) => !(words as readonly string[]).includes(each));
  if (wrong !== undefined) {
    const near = nearestName(wrong, words);
    throw new Error(`expected a list of ${words.join(", ")}, got "${wrong}"${near ? `. Did you mean ${near}?` : ""}`);
  }
  return words.filter((each) => given.includes(each));
}

function lengthOfTime(text: string): Duration {
  let milliseconds: number;
  try {
    milliseconds = millisecondsOf(text);
  } catch (error) {
    throw new Error((error as Error).message, { cause: error });
  }
  if (milliseconds < LEAST_MS) throw new Error(`expected at least 10s, got "${text}"`);
  return text as Duration;
}

/** GitHub takes some seconds to show a run. */
const LEAST_MS = 10_000;

function statusContext(text: string): string {
  if (/\p{Cc}/u.test(text) || text.length > MAX_CONTEXT_CHARACTERS) {
    throw new Error(`expected up to ${MAX_CONTEXT_CHARACTERS} characters, none of them a control character`);
  }
  return text;
}

/** What fits on one line of a page. GitHub does not document its limit. */
const MAX_CONTEXT_CHARACTERS = 100;

function environmentUrl(text: string): string {
  const url = URL.parse(text.replaceAll("{application}", "application"));
  if (!text.includes("{application}") || !url || !["http:", "https:"].includes(url.protocol)) {
    throw new Error(
      `expected a URL with {application} in it, such as https://{application}.preview.example, got "${text}"`,
    );
  }
  if (url.username || url.password) throw new Error("must not contain credentials: the link is public");
  return text;
}
