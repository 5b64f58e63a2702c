import type { Run } from "./run.ts";

/** What became of a person's wish to start a workflow. */
export type Start =
  | { readonly status: "started"; readonly run: Run }
  /** There is no such workflow; the reason names those that can be started. */
  | { readonly status: "unknown"; readonly reason: string }
  /** It has no trigger `manual`; or the run cannot be run again with any input. */
  | { readonly status: "notManual"; readonly reason: string }
  /** Everything that is wrong with the inputs. `field` is where, such as `ref` or `list.0`; empty: all of them. */
  | {
      readonly status: "rejected";
      readonly problems: readonly { readonly field: string; readonly message: string }[];
    };
