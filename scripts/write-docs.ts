import { writeFileSync } from "node:fs";
import { configurationReference } from "../src/service/config/config.ts";
import { exampleEventsFile } from "./example-events.ts";
import { restRoutes } from "./rest-routes.ts";

/** Writes what is generated: the reference of the settings, the routes of Octokit's names, and example events. A test fails when one is stale. */
writeFileSync(new URL("../docs/configuration.md", import.meta.url), configurationReference());
writeFileSync(new URL("../src/model/rest-routes.ts", import.meta.url), restRoutes());
writeFileSync(new URL("../sandbox/example-events.json", import.meta.url), exampleEventsFile());
