import { checkCredential } from "../github/checks/credential.ts";
import { checkWorkflowCredential, type WorkflowCredential } from "../github/checks/workflow-credential.ts";
import type { OpenGitHub } from "../github/open-github.ts";
import { type Check, ok, problem } from "../model/check.ts";
import { credentialName, hasCredentials, SERVICE } from "../model/identity.ts";
import { neededFor } from "../model/report.ts";
import type { Secrets } from "../model/secrets.ts";
import type { Workflow } from "../model/workflow.ts";
import type { CheckedWorkflows } from "../workflows/load/check-workflows.ts";
import { askedAs } from "./asked-as.ts";
import type { Config } from "./config/config.ts";
import { hideVariables, openWorkflows } from "./workflows.ts";

/** The workflows that doctor checks, and its results for WORKFLOWS_DIR. */
export type WorkflowsForChecks = {
  /** Workflows with valid files, even if a variable is missing. */
  readonly workflows: readonly Workflow[];
  /** The workflows with which the service would start. */
  readonly loaded: CheckedWorkflows | undefined;
  readonly checks: readonly Check[];
};

/** Loads WORKFLOWS_DIR. A problem with a file or a variable may prevent the start of the service. */
export async function workflowsForChecks(config: Config, secrets: Secrets): Promise<WorkflowsForChecks> {
  await using closing = new AsyncDisposableStack();
  const options = { closing, publicUrl: config.http.publicUrl, strict: false };
  try {
    const hasWebhookSecret = config.auth.webhookSecrets.length > 0;
    const loaded = (await openWorkflows(config.workflows, { ...options, hasWebhookSecret })).current;
    hideVariables(loaded, secrets);
    const lenient = { ...options, variable: () => "set", app: noKey, address: noAddress, hasWebhookSecret: true };
    const isWhole = loaded.broken.length === 0;
    const { workflows } = isWhole ? loaded : (await openWorkflows(config.workflows, lenient)).current;
    return { workflows, loaded, checks: config.workflows.dir === undefined ? [] : checksOf(loaded) };
  } catch (error) {
    const remedy = "Fix WORKFLOWS_DIR, or run this command where the service runs, with its settings.";
    return { workflows: [], loaded: undefined, checks: [problem("workflows", (error as Error).message, remedy)] };
  }
}

const noAddress = () => undefined;
const noKey = (name: string) => ({ name, id: "", privateKey: "" });

function checksOf({ broken, fileOf }: CheckedWorkflows): readonly Check[] {
  const remedy = "Fix the file, or set the variables that it names: docs/workflows.md.";
  const problems = broken.flatMap(({ file, problems }) => problems.map((each) => `${file}: ${each}`));
  // The built-in workflows also have a source, which does not count.
  const count = new Set(fileOf.values()).size - 1;
  const sound =
    count === 0 ? [] : [ok("workflows", `${count === 1 ? "1 file" : `${count} files`} of WORKFLOWS_DIR can be used`)];
  return [...problems.map((text) => problem("workflows", text, remedy)), ...sound];
}

/** Checks whether the credentials of workflows work and have the permissions that the workflows name. */
export async function checkCredentials(
  { github, workflows: { targetRepo } }: Config,
  gitHub: OpenGitHub,
  loaded: CheckedWorkflows,
): Promise<readonly Check[]> {
  /** GitHub's answer per credential. Several workflows may share one. */
  const answers = new Map<string, ReturnType<typeof checkCredential>>();

  async function checked(workflow: Workflow, identity: string | undefined): Promise<readonly Check[]> {
    const { permissions: bounds, ...as } = askedAs({ workflow, identity, token: undefined }, loaded);
    const its: Pick<Workflow, "githubApp" | "githubToken" | "permissions"> =
      (identity === undefined ? workflow : workflow.identities?.[identity]) ?? {};
    // A token cannot be narrowed, so the workflow's permissions do not apply to an identity with another token.
    const permissions = identity !== undefined && its.githubToken !== undefined ? its.permissions : bounds;
    const reports = identity === undefined && hasCredentials(workflow) ? neededFor(workflow.report) : {};
    const what = hasCredentials(its) ? credentialName(its) : github.app ? "the service's App" : "GITHUB_TOKEN";
    const asked = { github: gitHub.inspectionAs(as), apiUrl: github.apiUrl, app: as.app?.name, variable: as.variable };
    const credential: WorkflowCredential = {
      ...asked,
      ...{ what, permissions, reports, identity },
      check: `workflow ${workflow.name}${identity === undefined ? "" : ` as ${identity}`}`,
      repository: workflow.repository ?? targetRepo,
      isNamed: workflow.repository !== undefined,
    };
    const answered = answers.get(what) ?? checkCredential(asked);
    answers.set(what, answered);
    return checkWorkflowCredential(credential, await answered);
  }

  const checks: Check[] = [];
  for (const workflow of loaded.workflows) {
    const ofService = workflow.permissions !== undefined && github.hasCredential;
    const main = hasCredentials(workflow) || ofService ? [undefined] : [];
    for (const identity of [...main, ...Object.keys(workflow.identities ?? {})]) {
      if (identity !== SERVICE) checks.push(...(await checked(workflow, identity)));
    }
  }
  return checks;
}
