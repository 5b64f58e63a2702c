import type { AskedAs } from "../github/open-github.ts";
import { SERVICE } from "../model/identity.ts";
import type { Workflow } from "../model/workflow.ts";
import type { CheckedWorkflows } from "../workflows/load/check-workflows.ts";

type Asking = {
  /** Undefined if the workflow no longer exists. */
  readonly workflow: Workflow | undefined;
  /** An identity of the workflow, or `service`. Undefined: the workflow. */
  readonly identity: string | undefined;
  /** The token that came with the run. */
  readonly token: string | undefined;
};

type Values = Pick<CheckedWorkflows, "variables" | "apps">;

/**
 * The credentials with which a run calls GitHub: the token that came with it, or those of its workflow, of one of the
 * workflow's identities, or of the service. An identity has the `permissions` of its workflow unless it sets others.
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
