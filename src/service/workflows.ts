import { scheduleProblem } from "../http/triggers/schedule.ts";
import { appVariables, type Identity } from "../model/identity.ts";
import { passwordsIn } from "../model/notices.ts";
import type { Secrets } from "../model/secrets.ts";
import { gitHubEntries } from "../model/triggers.ts";
import type { Workflow } from "../model/workflow.ts";
import type { BrokenFile, WorkflowSource } from "../model/workflow-file.ts";
import { type EnvironmentReadyOptions, environmentReady } from "../workflows/environment-ready.ts";
import { BUILT_IN, type CheckedWorkflows, checkedWorkflows } from "../workflows/load/check-workflows.ts";
import { codeVersion, type LoadedFile, madeWith, sourceIn, workflowsIn } from "../workflows/load/load-workflows.ts";
import { previewClosed } from "../workflows/preview-closed.ts";
import { previewTests } from "../workflows/preview-tests.ts";
import { secretLines, type Wrong } from "./config/setting.ts";
import type { WorkflowsConfig } from "./config/workflows.ts";
import { VERSION } from "./version.ts";
import type { WorkflowVersions } from "./workflow-versions.ts";

type Options = {
  closing: AsyncDisposableStack;
  more?: readonly { readonly workflow: Workflow; readonly file: string }[] | undefined;
  variable?: WorkflowsConfig["variable"];
  app?: WorkflowsConfig["app"];
  address?: WorkflowsConfig["address"];
  hasWebhookSecret: boolean;
  /** Address of the service for people. */
  publicUrl?: string | undefined;
  /** Whether a broken file is an error. */
  strict?: boolean;
  /** Loads files and keeps their previous versions. Without it: loads from the folder, and keeps none. */
  versions?: WorkflowVersions | undefined;
};

/** The workflows of a service. A reload replaces all of them. */
export type LoadedWorkflows = {
  readonly current: CheckedWorkflows;
  /** Where a workflow's code appears in a stack trace; undefined if it comes from no file. */
  sourceOf(name: string): WorkflowSource | undefined;
  /** Whether the content of the folder differs from what was last loaded. Throws when it cannot be read. */
  hasChanged(): boolean;
  /**
   * Applies the current values of variables, Apps and addresses, without loading code. An invalid one keeps its
   * previous value.
   * @returns the invalid ones.
   */
  renew(settings: ValueSources): Promise<readonly Wrong[]>;
  /**
   * Loads the files again, one reload at a time. Broken files are left out, or keep their previous version if there are
   * versions. Throws when the folder cannot be read.
   */
  reload(): Promise<void>;
};

/**
 * All workflows of a service: the built-in ones, those of WORKFLOWS_DIR, and `more`.
 * @throws Error that begins with "Cannot". With `strict` it names all problems of all files.
 */
export async function openWorkflows(
  config: WorkflowsConfig,
  {
    closing,
    more = [],
    variable = config.variable,
    app = config.app,
    address = config.address,
    hasWebhookSecret,
    publicUrl,
    strict = true,
    versions,
  }: Options,
): Promise<LoadedWorkflows> {
  const read = versions?.load ?? (config.dir === undefined ? async () => [] : workflowsIn(config.dir, closing));
  const settings = environmentReadySettings(config);
  const made = (loaded: LoadedFile) => madeWith(settings, loaded);
  const load = async () => (await read()).map(made);
  const earlier = async (file: string) => {
    const loaded = await versions?.earlier(file);
    return loaded && made(loaded);
  };
  const code = codeVersion(VERSION);
  const builtIn = builtInWorkflows(config, { publicUrl, hasWebhookSecret }).map((workflow) => ({
    workflow,
    file: BUILT_IN,
    code,
  }));
  const others = more.map(({ workflow, file }) => ({ file, exported: workflow }));
  let values = keptValues({ variable, app, address });
  const check = (files: readonly LoadedFile[], before?: CheckedWorkflows) =>
    checkedWorkflows(
      builtIn,
      [...files, ...others],
      { ...values.of(before), hasWebhookSecret },
      scheduleProblem,
      before,
    );
  let files = await load();
  /** The last valid version of each file. */
  let sound: ReadonlyMap<string, LoadedFile> = new Map();
  let current!: CheckedWorkflows;
  async function take(before?: CheckedWorkflows): Promise<void> {
    const took = await withEarlier(files, (these) => check(these, before), sound, versions && earlier);
    ({ checked: current, sound } = took);
    versions?.keep(sound);
  }
  await take();
  let last: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const done = last.then(work);
    last = done.catch(() => {});
    return done;
  };
  if (strict) requireSound(current.broken);
  return {
    get current() {
      return current;
    },
    sourceOf(name) {
      const file = current.fileOf.get(name);
      return sourceIn(sound.get(file ?? "")?.folder, file);
    },
    hasChanged: () => versions?.hasChanged() ?? true,
    reload() {
      return inTurn(async () => {
        files = await load();
        await take(current);
      });
    },
    renew(settings) {
      return inTurn(async () => {
        values = keptValues(settings);
        await take(current);
        return values.wrong();
      });
    },
  };
}

type ValueSources = Pick<WorkflowsConfig, "variable" | "app" | "address">;

/** The current values. One that became invalid keeps its previous value. */
function keptValues(sources: ValueSources) {
  const wrong = new Map<string, string>();
  const kept =
    <T>(
      read: (name: string) => T | undefined,
      before: Readonly<Record<string, T>> = {},
      nameOf = (name: string) => name,
    ) =>
    (name: string): T | undefined => {
      const known = before[name];
      try {
        const value = read(name);
        if (value !== undefined || known === undefined) return value;
        throw new Error("is no longer set");
      } catch (error) {
        if (known === undefined) throw error;
        wrong.set(nameOf(name), (error as Error).message);
        return known;
      }
    };
  return {
    of: (before?: CheckedWorkflows) => ({
      variable: kept(sources.variable, before?.variables),
      app: kept(sources.app, before?.apps, (name) => appVariables(name).privateKey) as WorkflowsConfig["app"],
      address: kept(sources.address, before?.addresses),
    }),
    wrong: (): readonly Wrong[] => [...wrong].map(([name, reason]) => ({ name, reason })),
  };
}

/**
 * Replaces a broken file by its last valid version.
 * @param noted finds the last valid version that an earlier process noted. Without it, a broken file is left out.
 */
async function withEarlier(
  files: readonly LoadedFile[],
  check: (files: readonly LoadedFile[]) => CheckedWorkflows,
  before: ReadonlyMap<string, LoadedFile>,
  noted: WorkflowVersions["earlier"] | undefined,
): Promise<{ readonly checked: CheckedWorkflows; readonly sound: ReadonlyMap<string, LoadedFile> }> {
  let taken = files;
  let checked = check(files);
  if (noted && checked.broken.length > 0) {
    const problems = new Map(checked.broken.map((each) => [each.file, each]));
    const earlier = async (loaded: LoadedFile) =>
      (problems.has(loaded.file) && (before.get(loaded.file) ?? (await noted(loaded.file)))) || loaded;
    taken = await Promise.all(files.map(earlier));
    const mixed = check(taken);
    const left = new Set(mixed.broken.map(({ file }) => file));
    const broken = mixed.broken.map((each) => problems.get(each.file) ?? each);
    checked = { ...mixed, broken, outdated: [...problems.values()].filter(({ file }) => !left.has(file)) };
  }
  const left = new Set(checked.broken.map(({ file }) => file));
  return { checked, sound: new Map(taken.flatMap((each) => (left.has(each.file) ? [] : [[each.file, each]]))) };
}

/**
 * Whether GitHub's webhook may start a workflow, judged by the settings. Files of WORKFLOWS_DIR are not run for this,
 * so they count as yes.
 */
export function mayWantWebhooks(config: WorkflowsConfig): boolean {
  if (config.dir !== undefined) return true;
  const builtIn = builtInWorkflows(config, { publicUrl: undefined, hasWebhookSecret: true });
  return builtIn.some(({ on }) => gitHubEntries(on).length > 0);
}

/** The settings as options of `environmentReady`: for the built-in workflow, and for files that export a function. */
function environmentReadySettings(config: WorkflowsConfig): EnvironmentReadyOptions {
  const { deploymentRepo, targetRepo, deploymentRef, valuesPaths, tagKey, eventType, applicationPrefix } = config;
  const { verifyCommit, dedupeSeconds, targetWorkflow, environmentUrl, nothingAfter } = config;
  const { follow: reports, followContext: context, followTimeout: timeout } = config;
  const read = { deploymentRepo, targetRepo, deploymentRef, valuesPaths, tagKey, eventType, applicationPrefix };
  const follow = reports.length === 0 ? undefined : { reports, context, timeout, nothingAfter, environmentUrl };
  return { ...read, verifyCommit, dedupeSeconds, targetWorkflow, follow };
}

/** The main workflow, and with FOLLOW those that follow its tests. */
function builtInWorkflows(
  config: WorkflowsConfig,
  { publicUrl, hasWebhookSecret }: Pick<Options, "publicUrl" | "hasWebhookSecret">,
): readonly Workflow[] {
  const main = environmentReady(environmentReadySettings(config)) as Workflow;
  const { follow: reports, followContext: context, targetRepo, argocdUrl } = config;
  if (reports.length === 0) return [main];
  const hasClosed = hasWebhookSecret && reports.includes("deployment");
  return [
    main,
    previewTests({ publicUrl, argocdUrl }),
    ...(hasClosed ? [previewClosed({ targetRepo, context })] : []),
  ] as Workflow[];
}

function requireSound(broken: readonly BrokenFile[]): void {
  if (broken.length === 0) return;
  const lines = broken.flatMap(({ file, problems }) => problems.map((each) => `\n  ${file}: ${each}`));
  throw new Error(`Cannot start. Fix these workflows (docs/workflows.md):${lines.join("")}`);
}

/** Hides the variables of workflows in all output: those that certainly contain a token, and those that may. */
export function hideVariables({ workflows, variables, apps, addresses }: CheckedWorkflows, secrets: Secrets): void {
  const tokens = new Set([...workflows.flatMap(tokenVariables), ...keyVariables(workflows)]);
  for (const { privateKey } of Object.values(apps)) secrets.guard(privateKey);
  for (const each of Object.values(addresses).flatMap(passwordsIn)) secrets.guard(each);
  for (const [name, value] of Object.entries(variables)) {
    if (tokens.has(name)) for (const each of [value, ...secretLines(value)]) secrets.guard(each);
    else secrets.hide(value);
  }
}

/** Variables with tokens for GitHub. */
function tokenVariables({ githubToken, identities = {} }: Workflow): readonly (string | undefined)[] {
  return [githubToken, ...Object.values<Identity>(identities).map((each) => each.githubToken)];
}

/** Variables with credentials of a workflow's callers. */
export function keyVariables(workflows: readonly Workflow[]): readonly string[] {
  return workflows.flatMap(({ on }) => [on.http?.token ?? [], on.flux?.key ?? []].flat());
}
