import type { Check } from "../../model/check.ts";
import type { Inspection } from "../open-github.ts";

/** What the checks are about, and what they ask with. */
export type CheckNeeds = {
  readonly apiUrl: string;
  readonly inspection: Inspection;
  readonly credential: "token" | "app" | "none";
  /** owner/name; undefined when the setting cannot be used. */
  readonly deploymentRepo: string | undefined;
  readonly targetRepo: string | undefined;
  /** Undefined: the default branch. */
  readonly deploymentRef: string | undefined;
  readonly eventType: string;
  /** Epoch milliseconds. */
  readonly now: () => number;
};

/** Who asks, as GitHub knows them; undefined when nothing more can be asked. */
export type Asker =
  | { readonly kind: "classic"; readonly name: string; readonly scopes: readonly string[] }
  | { readonly kind: "fine-grained" | "installation" | "app"; readonly name: string };

export type Stage = { readonly checks: readonly Check[]; readonly asker: Asker | undefined };
