export { environmentReady } from "./environment-ready.ts";
export { previewTests } from "./preview-tests.ts";
export { scalarAt } from "./values-file.ts";
