import type { Run } from "./run.ts";

/** The outcome of a person's request to start a workflow. */
export type Start =
  | { readonly status: "started"; readonly run: Run }
  /** There is no such workflow. The reason lists those that can be started. */
  | { readonly status: "unknown"; readonly reason: string }
  /** It has no trigger `manual`, or the run cannot be run again with another input. */
  | { readonly status: "notManual"; readonly reason: string }
  /** All problems of the inputs. `field` is the place, such as `ref` or `list.0`; empty: all inputs. */
  | {
      readonly status: "rejected";
      readonly problems: readonly { readonly field: string; readonly message: string }[];
    };
