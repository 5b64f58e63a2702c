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
    "Repository, as owner/name, that receives the `repository_dispatch` event.",
    repository,
  ),
  deploymentRepo: setting(
    "DEPLOYMENT_REPO",
    "sematext/deployment",
    "Repository, as owner/name, that holds the values files.",
    repository,
  ),
  deploymentRef: setting(
    "DEPLOYMENT_REF",
    "",
    "Branch, tag or commit at which values files are read when the request names no revision. Empty: the default branch.",
    optional,
  ),
  valuesPaths: setting(
    "VALUES_PATHS",
    "configs/pr/light/{application}/values.yaml,configs/pr/heavy/{application}/values.yaml",
    "Comma-separated places of an application's values file; the first that exists wins.",
    pathTemplates,
  ),
  tagKey: setting("TAG_KEY", "global.config.DEPLOYMENT_TAG", "Dotted path of the commit hash in that file.", keyPath),
  eventType: setting(
    "EVENT_TYPE",
    "environment_ready",
    "Event type that is dispatched: 1 to 100 characters.",
    eventType,
  ),
  verifyCommit: setting(
    "VERIFY_COMMIT",
    "false",
    "`true`: before anything is dispatched, the commit must exist in TARGET_REPO: by its hash, whole or abbreviated, or " +
      "by a tag. A branch does not count, since it names another commit tomorrow. That costs one more read, or two; else " +
      "the run fails and names file, key and value.",
    (text) => oneOf(["true", "false"], "true or false")(text) === "true",
  ),
  applicationPrefix: setting(
    "APPLICATION_PREFIX",
    "pr-",
    "Applications whose names do not start so are skipped. Set to nothing (`APPLICATION_PREFIX=`): none is skipped.",
    (text) => text,
    { emptyCounts: true },
  ),
  dedupeSeconds: setting(
    "DEDUPE_SECONDS",
    "0",
    "Within so many seconds the same commit for the same application is dispatched once, and skipped after that. 0: always dispatched.",
    numberFrom(0, 604_800),
  ),
  targetWorkflow: setting(
    "TARGET_WORKFLOW",
    "",
    "Workflow of TARGET_REPO that is started instead of an event being sent (`workflow_dispatch`): `tests.yml`, or `tests.yml@REF` " +
      "for another ref than the default branch. Its inputs are `commitHash`, `sourceName`, and `run` with FOLLOW. Needs Actions: " +
      "write. Empty: `repository_dispatch`.",
    targetWorkflow,
  ),
  follow: setting(
    "FOLLOW",
    "",
    "Where the result of the tests is reported that a deployment starts: `status` (of the commit), `check` (needs a GitHub App), " +
      "`comment` (on the pull request), `deployment`, or several with commas in between. The run `preview-tests` follows the " +
      "tests and reports them, and the event carries its id as `run`. Not followed are the tests of a request that brings its " +
      "`github_token`. Empty: nothing is followed.",
    (text) => listOf(REPORTS, text),
  ),
  followContext: setting(
    "FOLLOW_CONTEXT",
    DEFAULT_CONTEXT,
    "Name of that status or check. `{application}` in it tells applications apart of which several are deployed from one commit.",
    statusContext,
  ),
  followTimeout: setting("FOLLOW_TIMEOUT", "6h", "For how long tests are followed, such as `90m`.", lengthOfTime),
  nothingAfter: setting(
    "NOTHING_AFTER",
    "3m",
    "How long it may take until GitHub shows the run of the tests. Then the service finds out why there is none, and sends the " +
      "event again where that can help.",
    lengthOfTime,
  ),
  environmentUrl: setting(
    "ENVIRONMENT_URL",
    "",
    "Where people reach an environment, with `{application}` in it: `https://{application}.preview.example`. A link of reports.",
    (text) => (text === "" ? undefined : environmentUrl(text)),
  ),
  argocdUrl: setting(
    "ARGOCD_URL",
    "",
    "Where people reach ArgoCD: `https://argocd.example`. A link of reports and pages.",
    (text) => (text === "" ? undefined : baseUrl("https://argocd.example", "ArgoCD's own sign-in")(text)),
  ),
  dir: setting(
    "WORKFLOWS_DIR",
    "",
    "Folder of your own workflows: each `*.ts`, `*.mts` or `*.js` in it is one (docs/workflows.md). Empty: none.",
    optional,
  ),
  strict: setting(
    "WORKFLOWS_STRICT",
    "true",
    "`false`: the service also starts when a file of WORKFLOWS_DIR is broken. The log and the page name it with its " +
      "problems, the other workflows run, and its runs wait until it is fixed. `true`: nothing starts until all files are right.",
    (text) => oneOf(["true", "false"], "true or false")(text) === "true",
  ),
  reload: setting(
    "WORKFLOWS_RELOAD",
    "false",
    "`true`: changes in WORKFLOWS_DIR are loaded within seconds, without a restart. A file that is broken does not replace its " +
      "version that ran before, not even at a restart; log, page and metric report it. The service works with a copy of the folder " +
      "in DATA_DIR, of up to 16 MiB. `false`: the files are read at the start.",
    (text) => oneOf(["true", "false"], "true or false")(text) === "true",
  ),
  retryHours: setting(
    "RETRY_HOURS",
    "24",
    "For how long a run that fails for passing reasons is attempted again, in hours; then it is a failure.",
    numberFrom(0, 720),
  ),
};

/** What the built-in workflows do, where others are, and what they are given. */
export type WorkflowsConfig = ReturnType<typeof workflowsConfig>;

export function workflowsConfig({ values, isSet, variable }: Reader) {
  return {
    ...values(WORKFLOWS_SETTINGS),
    /** Which of the two repositories are only the defaults. */
    defaults: { targetRepo: !isSet("TARGET_REPO"), deploymentRepo: !isSet("DEPLOYMENT_REPO") },
    /**
     * A variable that a workflow declares, or what the file holds that `{name}_FILE` names; undefined when it is not set.
     * @throws Error when the file cannot be read.
     */
    variable,
    /**
     * The GitHub App that a workflow names.
     * @throws Error when one of its variables is not set, or cannot be used.
     */
    app: (name: string) => appOfWorkflow(name, variable),
    /**
     * The address of a webhook that a workflow names for its notices; undefined where none are sent.
     * @throws Error when the variable is not set, or has no address.
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
      throw new Error(`expected paths from the repository's root without empty, . or .. segments, got "${template}"`);
    }
  }
  return templates;
}

function keyPath(text: string): string {
  if (text.split(".").includes("")) throw new Error(`expected names with dots in between, got "${text}"`);
  return text;
}

/** GitHub's own bound: https://docs.github.com/en/rest/repos/repos#create-a-repository-dispatch-event */
function eventType(text: string): string {
  if (text.length > 100) throw new Error(`expected at most 100 characters, got ${text.length}`);
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
    throw new Error(`expected a list of ${words.join(", ")}, got "${wrong}"${near ? `: is ${near} meant?` : ""}`);
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

/** GitHub itself takes some seconds. */
const LEAST_MS = 10_000;

function statusContext(text: string): string {
  if (/\p{Cc}/u.test(text) || text.length > MAX_CONTEXT_CHARACTERS) {
    throw new Error(`expected up to ${MAX_CONTEXT_CHARACTERS} characters, none of them a control character`);
  }
  return text;
}

/** What a page shows in one line; GitHub's own bound is not documented. */
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
