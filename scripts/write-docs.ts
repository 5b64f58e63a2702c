import { writeFileSync } from "node:fs";
import { configurationReference } from "../src/config.ts";

/** Writes the documents that are generated from the sources. A test fails when they are stale. */
writeFileSync(new URL("../docs/configuration.md", import.meta.url), configurationReference());
