import { writeFileSync } from "node:fs";

/**
 * Loaded into a measured service with `--expose-gc --import ./bench/probe.mjs`. SIGUSR2 makes it collect its garbage.
 * It then writes the remaining memory in MB, and what keeps its event loop alive, to the file in PROBE_FILE.
 */
process.on("SIGUSR2", () => {
  globalThis.gc();
  globalThis.gc();
  const { heapUsed, external, arrayBuffers } = process.memoryUsage();
  const resources = {};
  for (const name of process.getActiveResourcesInfo()) resources[name] = (resources[name] ?? 0) + 1;
  const facts = { heap: heapUsed / 1048576, external: external / 1048576, buffers: arrayBuffers / 1048576, resources };
  writeFileSync(process.env.PROBE_FILE, `${JSON.stringify(facts)}\n`);
});
