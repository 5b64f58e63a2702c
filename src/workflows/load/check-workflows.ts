import type { Workflow } from "../../model/workflow.ts";
import { fieldProblems } from "./field-problems.ts";
import type { LoadedFile } from "./load-workflows.ts";
import { webhookNameWarnings } from "./webhook-names.ts";

export type CheckNeeds = {
  /** The value of an environment variable; throws when its file cannot be read. */
  readonly variable: (name: string) => string | undefined;
  readonly scheduleProblem: (trigger: NonNullable<Workflow["on"]["schedule"]>) => string | undefined;
  readonly hasWebhookSecret: boolean;
};

export type CheckedWorkflows = {
  readonly workflows: readonly Workflow[];
  /** From which file each comes. */
  readonly fileOf: ReadonlyMap<string, string>;
  /** The values of all variables that they declare. */
  readonly variables: Readonly<Record<string, string>>;
  /** What is probably a mistake, and may be right: file, field and what was probably meant. */
  readonly warnings: readonly string[];
};

/**
 * Takes what was loaded for workflows, together with the built-in ones.
 * @throws Error that begins with "Cannot" and names every problem: file, field and what to write there.
 */
export function checkedWorkflows(
  builtIn: readonly { workflow: Workflow; file: string }[],
  loaded: readonly LoadedFile[],
  needs: CheckNeeds,
): CheckedWorkflows {
  const problems: string[] = [];
  const found = [...builtIn];
  for (const { file, exported, problem } of loaded) {
    const own = problem === undefined ? fieldProblems(exported, needs) : [problem];
    problems.push(...own.map((each) => `${file}: ${each}`));
    if (own.length === 0) found.push({ workflow: exported as Workflow, file });
  }
  problems.push(
    ...clashes(found, "name", ({ name }) => name),
    ...clashes(found, "on", ({ on }) => on.http?.path ?? on.flux?.path),
  );
  const variables: Record<string, string> = {};
  for (const { workflow, file } of found) {
    for (const [field, name] of variablesOf(workflow)) {
      try {
        const value = needs.variable(name);
        if (value === undefined) problems.push(`${file}: ${field}: ${name} is not set: set it, or ${name}_FILE`);
        else variables[name] = value;
      } catch (error) {
        problems.push(`${file}: ${field}: ${(error as Error).message}`);
      }
    }
    if (workflow.on.github && !needs.hasWebhookSecret) {
      problems.push(
        `${file}: on.github: GITHUB_WEBHOOK_SECRET is not set: set it to the secret of the webhook at GitHub`,
      );
    }
  }
  if (problems.length > 0) {
    const lines = problems.map((problem) => `\n  ${problem}`).join("");
    throw new Error(`Cannot start. Fix these workflows (docs/workflows.md):${lines}`);
  }
  return {
    workflows: found.map(({ workflow }) => workflow),
    fileOf: new Map(found.map(({ workflow, file }) => [workflow.name, file])),
    variables,
    warnings: found.flatMap(({ workflow: { on }, file }) =>
      on.github ? webhookNameWarnings(on.github).map((warning) => `${file}: ${warning}`) : [],
    ),
  };
}

function clashes(
  found: readonly { workflow: Workflow; file: string }[],
  field: string,
  told: (workflow: Workflow) => string | undefined,
): string[] {
  const first = new Map<string, string>();
  return found.flatMap(({ workflow, file }) => {
    const value = told(workflow);
    if (value === undefined) return [];
    const other = first.get(value);
    if (other === undefined) first.set(value, file);
    const what = field === "name" ? "the name" : "the path";
    return other === undefined ? [] : [`${file}: ${field}: ${what} ${value} is taken by ${other}: choose another`];
  });
}

function variablesOf({ env = [], githubToken, on }: Workflow): (readonly [string, string])[] {
  return [
    ...env.map((name) => ["env", name] as const),
    ...(githubToken === undefined ? [] : [["githubToken", githubToken] as const]),
    ...(on.http?.token === undefined ? [] : [["on.http.token", on.http.token] as const]),
    ...(on.flux?.key === undefined ? [] : [["on.flux.key", on.flux.key] as const]),
  ];
}
