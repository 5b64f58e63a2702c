import type { Credential } from "./credential.ts";

/**
 * A caller's permissions: a *caller* starts runs through triggers. A *viewer* reads runs, the page and the metrics. An
 * *operator* may do both, and also starts, re-runs, cancels and pauses, and reads the audit log.
 */
export const ROLES = ["caller", "viewer", "operator"] as const;

export type Role = (typeof ROLES)[number];

/** Who does something, with which role, and how they came. */
export type Who = {
  /** `token alice`; see `Principal`. */
  readonly actor: string;
  readonly role?: Role | undefined;
  /** The credential that they used. */
  readonly via?: Credential | undefined;
  /** The client's address. */
  readonly address?: string | undefined;
  /** The same for everything that one request does with several runs. */
  readonly bulk?: string | undefined;
};

/** Only the fields of `Who`. */
export function whoOf({ actor, role, via, address, bulk }: Who): Who {
  return { actor, role, via, address, bulk };
}

/** Who does something, and when by the process's clock. */
export type By = Who & { readonly at: number };
