import { writeFileSync } from "node:fs";
import { configurationReference } from "../src/service/config/config.ts";

/** Writes what is generated: the reference of the settings. A test fails when it is stale. */
writeFileSync(new URL("../docs/configuration.md", import.meta.url), configurationReference());
