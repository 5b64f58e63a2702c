import type { Credential } from "./credential.ts";

/**
 * What a caller may do: a *caller* starts runs through triggers; a *viewer* reads runs, the page and the metrics; an *operator*
 * may do both, and also starts, re-runs, cancels and pauses, and reads the audit log.
 */
export const ROLES = ["caller", "viewer", "operator"] as const;

export type Role = (typeof ROLES)[number];

/** Who does something, as what, and how they came. */
export type Who = {
  /** `token alice`; see `Principal`. */
  readonly actor: string;
  readonly role?: Role | undefined;
  /** What they brought. */
  readonly via?: Credential | undefined;
  /** From where. */
  readonly address?: string | undefined;
  /** The same for all that one request does with several runs. */
  readonly bulk?: string | undefined;
};

/** Who alone, of what stands with it. */
export function whoOf({ actor, role, via, address, bulk }: Who): Who {
  return { actor, role, via, address, bulk };
}

/** Who does something, and when by the process's clock. */
export type By = Who & { readonly at: number };
