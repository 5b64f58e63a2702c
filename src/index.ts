export { LimitReached, PermanentFailure, TransientFailure } from "./model/failure.ts";
export type { Json, Outcome } from "./model/run.ts";
export type { Context, GitHub, HttpTrigger, Schema, Skip, Workflow } from "./model/workflow.ts";
export { defineWorkflow, skip } from "./model/workflow.ts";
