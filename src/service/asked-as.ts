import type { AskedAs } from "../github/open-github.ts";
import { SERVICE } from "../model/identity.ts";
import type { Workflow } from "../model/workflow.ts";
import type { CheckedWorkflows } from "../workflows/load/check-workflows.ts";

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
