import type { Json } from "../src/model/run.ts";

/** A run of another workflow that exists before the test. */
export type OpenRun = { readonly workflow: string; readonly inputs: Json; readonly id?: string };

export type StartedOther = {
  readonly workflow: string;
  readonly id: string;
  readonly inputs: Json;
  /** As its workflow's `title` creates it. */
  readonly title?: string;
};
