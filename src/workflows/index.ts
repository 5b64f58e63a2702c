export { type EnvironmentReadyOptions, environmentReady } from "./environment-ready.ts";
export { scalarAt } from "./values-file.ts";
