export { type EnvironmentReadyOptions, environmentReady } from "./environment-ready.ts";
