import { readFileSync, writeFileSync } from "node:fs";
import { configurationReference } from "../src/service/config/config.ts";
import { CHAIN_FILES, chainDrawing } from "./chain-drawing.ts";
import { chartFiles } from "./chart-files.ts";
import { exampleEventsFile } from "./example-events.ts";
import { restRoutes } from "./rest-routes.ts";
import { allRoutes, withRoleMatrix } from "./role-matrix.ts";

/**
 * Writes the generated files: the reference of the settings, the table of permissions, the routes of Octokit's names,
 * example events, and files of the Helm chart. A test fails if one is outdated.
 */
writeFileSync(new URL("../docs/configuration.md", import.meta.url), configurationReference());
writeFileSync(new URL("../src/model/rest-routes.ts", import.meta.url), restRoutes());
writeFileSync(new URL("../sandbox/example-events.json", import.meta.url), exampleEventsFile());
for (const [path, text] of Object.entries(chartFiles())) {
  writeFileSync(new URL(`../deploy/helm/gh-runner/${path}`, import.meta.url), text);
}
for (const theme of ["light", "dark"] as const) {
  writeFileSync(new URL(`../${CHAIN_FILES[theme]}`, import.meta.url), chainDrawing(theme));
}
const security = new URL("../docs/security.md", import.meta.url);
writeFileSync(security, withRoleMatrix(readFileSync(security, "utf8"), await allRoutes()));
