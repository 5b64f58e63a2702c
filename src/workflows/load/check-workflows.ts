import type { GitHubTrigger } from "../../model/github-trigger.ts";
import type { AppKey, Identity } from "../../model/identity.ts";
import { nearestName } from "../../model/nearest-name.ts";
import { targetsIn } from "../../model/notices.ts";
import { shown } from "../../model/problems.ts";
import { gitHubEntries, pathsOf } from "../../model/triggers.ts";
import type { Workflow } from "../../model/workflow.ts";
import type { BrokenFile } from "../../model/workflow-file.ts";
import { fieldProblems, type ScheduleProblem } from "./field-problems.ts";
import type { LoadedFile } from "./load-workflows.ts";
import described from "./webhooks.json" with { type: "json" };

export type CheckedWorkflows = {
  readonly workflows: readonly Workflow[];
  readonly broken: readonly BrokenFile[];
  /** Files that are broken now. Their previous version still runs. */
  readonly outdated: readonly BrokenFile[];
  /** The file of each workflow, by name. */
  readonly fileOf: ReadonlyMap<string, string>;
  /** The code version of each workflow, see `Attempt`. */
  readonly codeOf: ReadonlyMap<string, string>;
  /** The values of all variables that the workflows declare. */
  readonly variables: Readonly<Record<string, string>>;
  /** The GitHub Apps that they declare, by name. */
  readonly apps: Readonly<Record<string, AppKey>>;
  /** The addresses that receive notices, by the variables that workflows name. */
  readonly addresses: Readonly<Record<string, string>>;
  /** Probable mistakes that may be correct: the file, the field and what was probably meant. */
  readonly warnings: readonly string[];
};

/** The file of a built-in workflow, in lists. */
export const BUILT_IN = "built in";

type Found = { readonly workflow: Workflow; readonly file: string; readonly code?: string | undefined };

/** The workflows of a service before it loads its files again. */
type Before = Pick<CheckedWorkflows, "workflows" | "fileOf">;

/**
 * Checks loaded workflows together with the built-in ones. If several have the same name or path, one of them stays.
 * The order of preference: a built-in workflow, the one that had it before, the one whose file has the same name, the
 * first.
 */
export function checkedWorkflows(
  builtIn: readonly Found[],
  loaded: readonly LoadedFile[],
  service: {
    /** The value of a variable. Throws if its file cannot be read. */
    variable: (name: string) => string | undefined;
    /** The GitHub App with this name. Throws if one of its variables is missing or cannot be used. */
    app: (name: string) => AppKey;
    /**
     * The address in a variable, for notices. Undefined if no notices are sent. Throws if it is missing or not an
     * address.
     */
    address: (name: string) => string | undefined;
    hasWebhookSecret: boolean;
  },
  scheduleProblem: ScheduleProblem,
  before: Before = { workflows: [], fileOf: new Map() },
): CheckedWorkflows {
  const problems: (readonly [file: string, problem: string])[] = [];
  const found = [...builtIn];
  for (const { file, exported, problem, code } of loaded) {
    const its = problem === undefined ? fieldProblems(exported, scheduleProblem) : [problem];
    problems.push(...its.map((each) => [file, each] as const));
    if (its.length === 0) found.push({ workflow: exported as Workflow, file, code });
  }
  const inRank = [...builtIn, ...found.slice(builtIn.length).sort((a, b) => rankOf(a) - rankOf(b))];
  problems.push(
    ...clashes(inRank, before, "name", "the name", ({ name }) => [name]),
    ...clashes(inRank, before, "on", "the path", ({ on }) => pathsOf(on).map(([path]) => path)),
  );
  const variables: Record<string, string> = {};
  const apps: Record<string, AppKey> = {};
  const addresses: Record<string, string> = {};
  for (const { workflow, file } of found) {
    for (const [field, name] of variablesOf(workflow)) {
      try {
        const value = service.variable(name);
        if (value === undefined) problems.push([file, `${field}: ${name} is not set: set it, or ${name}_FILE`]);
        else variables[name] = value;
      } catch (error) {
        problems.push([file, `${field}: ${(error as Error).message}`]);
      }
    }
    for (const [field, name] of appsOf(workflow)) {
      try {
        apps[name] ??= service.app(name);
      } catch (error) {
        problems.push([file, `${field}: ${(error as Error).message}`]);
      }
    }
    for (const { to: name } of targetsIn(workflow.notify) ?? []) {
      try {
        const address = addresses[name] ?? service.address(name);
        if (address !== undefined) addresses[name] = address;
      } catch (error) {
        problems.push([file, `notify: ${(error as Error).message}`]);
      }
    }
    if (workflow.on.github && !service.hasWebhookSecret) {
      const what = "GITHUB_WEBHOOK_SECRET is not set: set it to the secret of the webhook at GitHub";
      problems.push([file, `on.github: ${what}`]);
    }
  }
  const byFile = Map.groupBy(problems, ([file]) => file);
  const sound = found.filter(({ file }) => !byFile.has(file));
  return {
    workflows: sound.map(({ workflow }) => workflow),
    broken: [...byFile].map(([file, its]) => ({ file, problems: its.map(([, problem]) => problem) })),
    outdated: [],
    fileOf: new Map(sound.map(({ workflow, file }) => [workflow.name, file])),
    codeOf: new Map(sound.flatMap(({ workflow, code }) => (code === undefined ? [] : [[workflow.name, code]]))),
    variables,
    apps,
    addresses,
    warnings: sound.flatMap(({ workflow: { on }, file }) =>
      gitHubEntries(on)
        .flatMap((entry, at) => webhookNameWarnings(entry, Array.isArray(on.github) ? `on.github.${at}` : "on.github"))
        .map((warning) => `${file}: ${warning}`),
    ),
  };
}

/** Workflows whose file has the same name come first. */
function rankOf({ workflow: { name }, file }: Found): number {
  return file.replace(/\.\w+$/, "") === name ? 0 : 1;
}

function clashes(
  found: readonly Found[],
  before: Before,
  field: string,
  what: string,
  valuesIn: (workflow: Workflow) => readonly string[],
): (readonly [file: string, problem: string])[] {
  const had = new Map(
    before.workflows.flatMap((workflow) =>
      valuesIn(workflow).map((value) => [value, before.fileOf.get(workflow.name)] as const),
    ),
  );
  const owners = new Map<string, Found>();
  for (const one of found) {
    for (const value of valuesIn(one.workflow)) {
      if (!owners.has(value) || had.get(value) === one.file) owners.set(value, one);
    }
  }
  return found.flatMap((one) =>
    valuesIn(one.workflow).flatMap((value, at, all) => {
      const owner = owners.get(value);
      if (owner === one && all.indexOf(value) === at) return [];
      const taken =
        owner === one ? "another trigger of it" : owner?.file === BUILT_IN ? "a built-in workflow" : owner?.file;
      return [[one.file, `${field}: ${what} ${value} is taken by ${taken}: choose another`] as const];
    }),
  );
}

type Named = (readonly [field: string, name: string])[];

function appsOf({ githubApp, identities = {} }: Workflow): Named {
  return [
    ...(githubApp === undefined ? [] : [["githubApp", githubApp] as const]),
    ...Object.entries(identities).flatMap(([name, { githubApp: its }]: [string, Identity]) =>
      its === undefined ? [] : [[`identities.${name}.githubApp`, its] as const],
    ),
  ];
}

function variablesOf({ env = [], githubToken, identities = {}, on }: Workflow): Named {
  return [
    ...env.map((name) => ["env", name] as const),
    ...(githubToken === undefined ? [] : [["githubToken", githubToken] as const]),
    ...Object.entries(identities).flatMap(([name, { githubToken: its }]: [string, Identity]) =>
      its === undefined ? [] : [[`identities.${name}.githubToken`, its] as const],
    ),
    ...(on.http?.token === undefined ? [] : [["on.http.token", on.http.token] as const]),
    ...(on.flux?.key === undefined ? [] : [["on.flux.key", on.flux.key] as const]),
  ];
}

/** The events of all of GitHub's editions, each with its actions. */
const ACTIONS = new Map(Object.entries(described.webhooks));

/**
 * Events and actions that GitHub does not describe. They are probably misspelled, unless GitHub is newer than this
 * version.
 */
export function webhookNameWarnings({ events, actions = [] }: GitHubTrigger, field = "on.github"): string[] {
  const meant: string[] = [];
  const warnings: string[] = [];
  for (const event of ([] as string[]).concat(events)) {
    const near = ACTIONS.has(event) ? event : nearestName(event, [...ACTIONS.keys()]);
    if (near !== undefined) meant.push(near);
    if (near === event) continue;
    warnings.push(`${field}.events: unknown event ${shown(event)}: ${instead(near, SEE)}`);
  }
  // The sender of a repository_dispatch chooses its action.
  if (meant.length === 0 || meant.includes("repository_dispatch")) return warnings;
  const known = [...new Set(meant.flatMap((event) => ACTIONS.get(event)?.split(" ") ?? []))].filter(Boolean);
  const all = known.length === 0 ? "this event has no actions" : `use one of ${known.join(", ")}`;
  for (const action of actions as readonly string[]) {
    if (known.includes(action)) continue;
    const near = nearestName(action, known);
    const of = meant.join(" or ");
    warnings.push(`${field}.actions: unknown action ${shown(action)} of ${of}: ${instead(near, all)}`);
  }
  return warnings;
}

const SEE = "see https://docs.github.com/en/webhooks/webhook-events-and-payloads";

function instead(near: string | undefined, otherwise: string): string {
  return near === undefined ? otherwise : `did you mean ${shown(near)}?`;
}
