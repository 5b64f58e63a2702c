#!/usr/bin/env node
import { Command } from "commander";
import { VERSION } from "./version.ts";

const program = new Command("gh-runner")
  .description("Runs small GitHub workflows as TypeScript functions on your own infrastructure.")
  .version(VERSION, "-v, --version");

program
  .command("serve")
  .description("start the service; settings come from the environment (docs/configuration.md)")
  .action(async () => {
    const { serve } = await import("./cli/serve.ts");
    await serve();
  });

await program.parseAsync();
