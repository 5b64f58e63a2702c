import { scheduleProblem } from "../http/triggers/schedule.ts";
import type { Identity } from "../model/identity.ts";
import type { Secrets } from "../model/secrets.ts";
import { gitHubEntries } from "../model/triggers.ts";
import type { BrokenFile, Workflow } from "../model/workflow.ts";
import { environmentReady } from "../workflows/environment-ready.ts";
import { type CheckedWorkflows, checkedWorkflows } from "../workflows/load/check-workflows.ts";
import { codeVersion, type LoadedFile, workflowsIn } from "../workflows/load/load-workflows.ts";
import { previewClosed } from "../workflows/preview-closed.ts";
import { previewTests } from "../workflows/preview-tests.ts";
import { secretLines } from "./config/setting.ts";
import type { WorkflowsConfig } from "./config/workflows.ts";
import { VERSION } from "./version.ts";

const BUILT_IN = "built in";

type Options = {
  closing: AsyncDisposableStack;
  more?: readonly { readonly workflow: Workflow; readonly file: string }[] | undefined;
  variable?: WorkflowsConfig["variable"];
  app?: WorkflowsConfig["app"];
  hasWebhookSecret: boolean;
  /** Where people reach the service. */
  publicUrl?: string | undefined;
  /** Whether a broken file stops everything. */
  strict?: boolean;
};

/** The workflows of a service, which a reload replaces as a whole. */
export type LoadedWorkflows = {
  readonly current: CheckedWorkflows;
  /** Loads the files again, one time after the other. Those that are broken are left out. Throws when the folder cannot be read. */
  reload(): Promise<void>;
};

/**
 * All workflows of a service: the built-in ones, those of WORKFLOWS_DIR, and more.
 * @throws Error that begins with "Cannot": with `strict` it names everything that is wrong with any file.
 */
export async function openWorkflows(
  config: WorkflowsConfig,
  {
    closing,
    more = [],
    variable = config.variable,
    app = config.app,
    hasWebhookSecret,
    publicUrl,
    strict = true,
  }: Options,
): Promise<LoadedWorkflows> {
  const load = config.dir === undefined ? async () => [] : workflowsIn(config.dir, closing);
  const code = codeVersion(VERSION);
  const builtIn = builtInWorkflows(config, { publicUrl, hasWebhookSecret }).map((workflow) => ({
    workflow,
    file: BUILT_IN,
    code,
  }));
  const others = more.map(({ workflow, file }) => ({ file, exported: workflow }));
  const check = (files: readonly LoadedFile[], before?: CheckedWorkflows) =>
    checkedWorkflows(builtIn, [...files, ...others], { variable, app, hasWebhookSecret }, scheduleProblem, before);
  let current = check(await load());
  let last = Promise.resolve();
  if (strict) requireSound(current.broken);
  return {
    get current() {
      return current;
    },
    reload() {
      const loaded = last.then(async () => {
        current = check(await load(), current);
      });
      last = loaded.catch(() => {});
      return loaded;
    },
  };
}

/** Whether a workflow may be started by GitHub's webhook, as far as settings tell: files of WORKFLOWS_DIR are not run for it. */
export function mayWantWebhooks(config: WorkflowsConfig): boolean {
  if (config.dir !== undefined) return true;
  const builtIn = builtInWorkflows(config, { publicUrl: undefined, hasWebhookSecret: true });
  return builtIn.some(({ on }) => gitHubEntries(on).length > 0);
}

/** The one that the service is for, and with FOLLOW those that follow what it has started. */
function builtInWorkflows(
  config: WorkflowsConfig,
  { publicUrl, hasWebhookSecret }: Pick<Options, "publicUrl" | "hasWebhookSecret">,
): readonly Workflow[] {
  const { follow: reports, followContext: context, followTimeout: timeout, nothingAfter } = config;
  const { targetRepo, environmentUrl, argocdUrl } = config;
  if (reports.length === 0) return [environmentReady({ ...config, follow: undefined }) as Workflow];
  const follow = { reports, context, timeout, nothingAfter, environmentUrl };
  const hasClosed = hasWebhookSecret && reports.includes("deployment");
  return [
    environmentReady({ ...config, follow }),
    previewTests({ publicUrl, argocdUrl }),
    ...(hasClosed ? [previewClosed({ targetRepo, context })] : []),
  ] as Workflow[];
}

function requireSound(broken: readonly BrokenFile[]): void {
  if (broken.length === 0) return;
  const lines = broken.flatMap(({ file, problems }) => problems.map((each) => `\n  ${file}: ${each}`));
  throw new Error(`Cannot start. Fix these workflows (docs/workflows.md):${lines.join("")}`);
}

/** Has the variables of workflows never be seen: those that hold a token for certain, and those that may. */
export function hideVariables({ workflows, variables, apps }: CheckedWorkflows, secrets: Secrets): void {
  const tokens = new Set([...workflows.flatMap(tokenVariables), ...keyVariables(workflows)]);
  for (const { privateKey } of Object.values(apps)) secrets.guard(privateKey);
  for (const [name, value] of Object.entries(variables)) {
    if (tokens.has(name)) for (const each of [value, ...secretLines(value)]) secrets.guard(each);
    else secrets.hide(value);
  }
}

/** Variables that hold tokens for GitHub. */
function tokenVariables({ githubToken, identities = {} }: Workflow): readonly (string | undefined)[] {
  return [githubToken, ...Object.values<Identity>(identities).map((each) => each.githubToken)];
}

/** Variables that hold what callers of a workflow must bring. */
export function keyVariables(workflows: readonly Workflow[]): readonly string[] {
  return workflows.flatMap(({ on }) => [on.http?.token ?? [], on.flux?.key ?? []].flat());
}
