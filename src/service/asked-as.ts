import type { AskedAs } from "../github/open-github.ts";
import type { Clock } from "../model/clock.ts";
import { SERVICE } from "../model/identity.ts";
import type { Log } from "../model/log.ts";
import type { Secrets } from "../model/secrets.ts";
import type { Workflow } from "../model/workflow.ts";
import type { CheckedWorkflows } from "../workflows/load/check-workflows.ts";
import type { WorkflowsConfig } from "./config/workflows.ts";

type Asking = {
  /** Undefined: it is gone. */
  readonly workflow: Workflow | undefined;
  /** Of the workflow, or `service`; the workflow itself without it. */
  readonly identity: string | undefined;
  /** That the run has brought. */
  readonly token: string | undefined;
};

type Values = Pick<CheckedWorkflows, "variables" | "apps">;

/**
 * As whom a run asks GitHub: with the token that it brought, as its workflow, as one of the workflow's identities, or as the
 * service. An identity has the `permissions` of its workflow unless it has its own.
 */
export function askedAs({ workflow, identity, token }: Asking, { variables, apps }: Values): AskedAs {
  if (token !== undefined) return { token };
  const its: Pick<Workflow, "githubApp" | "githubToken" | "permissions"> =
    (identity === undefined ? workflow : identity === SERVICE ? {} : workflow?.identities?.[identity]) ?? {};
  const permissions = its.permissions ?? workflow?.permissions;
  if (its.githubApp !== undefined) return { app: apps[its.githubApp], permissions };
  const variable = its.githubToken;
  return variable === undefined ? { permissions } : { token: variables[variable], variable, permissions };
}

/** A secret in a file may be replaced at any time. Reading it takes 0.1 ms, a key of an App 0.3 ms. */
const READ_EVERY_MS = 10_000;

type Parts = {
  readonly values: () => Values;
  readonly config: Pick<WorkflowsConfig, "variable" | "app">;
  readonly secrets: Pick<Secrets, "guard">;
  readonly log: Log;
  readonly clock: Pick<Clock, "monotonic">;
};

/**
 * The same with credentials that are read again from their files, so that a token or a key can be replaced without a restart.
 * While a new one cannot be used, the old one is. What was a secret stays hidden.
 */
export function askingAs({ values, config, secrets, log, clock }: Parts): (asking: Asking) => AskedAs {
  const known = new Map<string, { readonly at: number; readonly value: unknown; readonly problem?: string }>();

  function current<T>(name: string, atStart: T, read: () => T | undefined, secretOf: (value: T) => string): T {
    const last = known.get(name);
    const now = clock.monotonic();
    if (last && now - last.at < READ_EVERY_MS) return last.value as T;
    const before = (last?.value ?? atStart) as T;
    try {
      const value = read() ?? before;
      secrets.guard(secretOf(value));
      known.set(name, { at: now, value });
      return value;
    } catch (error) {
      const problem = (error as Error).message;
      if (problem !== last?.problem)
        log.warn({ name, reason: problem }, "a credential cannot be read again: the old one is used");
      known.set(name, { at: now, value: before, problem });
      return before;
    }
  }

  return (asking) => {
    const as = askedAs(asking, values());
    const { app, token, variable } = as;
    if (app) {
      const { name } = app;
      return {
        ...as,
        app: current(
          name,
          app,
          () => config.app(name),
          ({ privateKey }) => privateKey,
        ),
      };
    }
    if (token === undefined || variable === undefined) return as;
    return { ...as, token: current(variable, token, () => config.variable(variable), String) };
  };
}
