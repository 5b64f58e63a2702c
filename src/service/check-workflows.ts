import { checkCredential } from "../github/checks/credential.ts";
import { checkWorkflowCredential, type WorkflowCredential } from "../github/checks/workflow-credential.ts";
import type { OpenGitHub } from "../github/open-github.ts";
import { type Check, ok, problem } from "../model/check.ts";
import { credentialName, hasCredentials, SERVICE } from "../model/identity.ts";
import type { Secrets } from "../model/secrets.ts";
import type { Workflow } from "../model/workflow.ts";
import type { CheckedWorkflows } from "../workflows/load/check-workflows.ts";
import { askedAs } from "./asked-as.ts";
import type { Config } from "./config/config.ts";
import { hideVariables, openWorkflows } from "./workflows.ts";

/** Whether the files of WORKFLOWS_DIR can be used, and the credentials and permissions that workflows name. */
export async function checkWorkflows(config: Config, gitHub: OpenGitHub, secrets: Secrets): Promise<readonly Check[]> {
  await using closing = new AsyncDisposableStack();
  const hasWebhookSecret = config.auth.webhookSecrets.length > 0;
  const options = { closing, hasWebhookSecret, publicUrl: config.http.publicUrl, strict: false };
  let loaded: CheckedWorkflows;
  try {
    loaded = (await openWorkflows(config.workflows, options)).current;
  } catch (error) {
    return [problem("workflows", (error as Error).message, "Correct WORKFLOWS_DIR, or unset it.")];
  }
  hideVariables(loaded, secrets);
  const broken = loaded.broken.flatMap(({ file, problems }) =>
    problems.map((each) =>
      problem("workflows", `${file}: ${each}`, "Correct the file, or the variable: docs/workflows.md."),
    ),
  );
  const count = new Set(loaded.fileOf.values()).size - 1;
  const files = count === 1 ? "1 file" : `${count} files`;
  const all =
    config.workflows.dir === undefined ? [] : [...broken, ok("workflows", `${files} of WORKFLOWS_DIR can be used`)];
  return [...all, ...(await checkCredentials(config, gitHub, loaded))];
}

async function checkCredentials(
  { github, workflows: { targetRepo } }: Config,
  gitHub: OpenGitHub,
  loaded: CheckedWorkflows,
): Promise<readonly Check[]> {
  /** What GitHub says of each credential, which several workflows may name. */
  const answers = new Map<string, ReturnType<typeof checkCredential>>();

  async function checked(workflow: Workflow, identity: string | undefined): Promise<readonly Check[]> {
    const { permissions, ...as } = askedAs({ workflow, identity, token: undefined }, loaded);
    const its = (identity === undefined ? workflow : workflow.identities?.[identity]) ?? {};
    const what = hasCredentials(its) ? credentialName(its) : github.app ? "the service's App" : "GITHUB_TOKEN";
    const asked = { github: gitHub.inspectionAs(as), apiUrl: github.apiUrl, app: as.app?.name, variable: as.variable };
    const credential: WorkflowCredential = {
      ...asked,
      ...{ what, permissions },
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
    const own = hasCredentials(workflow) || ofService ? [undefined] : [];
    for (const identity of [...own, ...Object.keys(workflow.identities ?? {})]) {
      if (identity !== SERVICE) checks.push(...(await checked(workflow, identity)));
    }
  }
  return checks;
}
