import { writeFileSync } from "node:fs";
import { configurationReference } from "../src/service/config/config.ts";
import { restRoutes } from "./rest-routes.ts";

/** Writes what is generated: the reference of the settings, and the routes of Octokit's names. A test fails when one is stale. */
writeFileSync(new URL("../docs/configuration.md", import.meta.url), configurationReference());
writeFileSync(new URL("../src/model/rest-routes.ts", import.meta.url), restRoutes());
