import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { existsSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join, resolve } from "node:path";
import { oneLine, visible } from "../model/visible.ts";
import { terminalDestination } from "../observe/log.ts";
import { type RunningApp, startApp } from "../service/app.ts";
import { readDevConfig } from "../service/config/dev.ts";
import { watchFolder } from "../service/watch-folder.ts";
import { makeFolder } from "../store/make-folder.ts";
import { CommandError } from "./command.ts";
import { openSender } from "./dev-sender.ts";
import { type DevAddresses, startsOf } from "./dev-starts.ts";

const say = (text: string) => void process.stdout.write(`${text}\n`);

/**
 * Starts the service with a stand-in GitHub, prints how to start each workflow, and reloads the folder when a file is
 * saved.
 * @param wanted the first port to try; 0: any.
 * @returns the address of the page.
 */
export async function startDev(folder: string, wanted: number, closing: AsyncDisposableStack): Promise<string> {
  const github = await openStandIn();
  closing.defer(github.close);
  const log = await quietAtFirst();
  const webhookSecret = randomBytes(16).toString("hex");
  const token = randomBytes(16).toString("hex");
  const dataDir = join(folder, ".gh-runner");
  makeFolder(dataDir, 0o700);
  if (!existsSync(join(dataDir, ".gitignore"))) writeFileSync(join(dataDir, ".gitignore"), "*\n");

  const port = await freePort(wanted);
  const { config, missing } = readDevConfig({ apiUrl: github.url, token, webhookSecret, port, folder, dataDir });
  // Begins before the files are loaded, so that it misses no change.
  const started = Promise.withResolvers<void>();
  let reloading = started.promise;
  const stopWatching = watchFolder(resolve(folder), (files) => {
    reloading = reloading.then(() => reload(files)).catch((error: Error) => say(`Reload failed: ${error.message}`));
  });
  closing.defer(stopWatching);
  async function reload(files: readonly string[]): Promise<void> {
    await app.reload();
    say(`\nReloaded: ${files.map(oneLine).join(", ")}`);
    told.workflows();
    told.problems();
  }
  const app = await startApp(config, { logTo: log, onlyLocal: true }).catch((cause: Error) => {
    if (!cause.message.includes("another process uses it")) throw cause;
    throw new CommandError(`gh-runner dev already runs in ${folder}: use that one, or stop it.`, { cause });
  });
  closing.defer(app.close);
  const sender = await openSender(await freePort(port + 1), {
    app: () => app,
    workflowNamed: (name) => app.loaded.workflows.find((each) => each.name === name),
    webhookSecret,
    variable: config.workflows.variable,
  });
  closing.defer(sender.close);

  if (port !== wanted && wanted !== 0)
    say(`Port ${wanted} is in use, so gh-runner uses another one. Set PORT to choose it.\n`);
  const told = teller(app, { url: app.url, senderUrl: sender.url, missing });
  say(`gh-runner dev: ${app.url}/\n`);
  told.workflows();
  told.problems();
  say(
    `GitHub is a stand-in at ${github.url}. It creates repositories and pull requests when a workflow first asks for them.`,
  );
  say(`Runs are stored in ${dataDir}. When you save a file, it is reloaded. Ctrl-C ends it.\n`);
  log.speak();

  started.resolve();
  closing.defer(async () => {
    stopWatching();
    await reloading;
  });
  return `${app.url}/`;
}

/** Prints the workflows and problems, and later only what changed. */
function teller(app: RunningApp, addresses: DevAddresses) {
  let known = new Map<string, string>();
  let explained = false;
  let wasBroken = false;
  let warned = new Set<string>();
  return {
    workflows(): void {
      const { workflows, fileOf, broken } = app.loaded;
      const now = new Map(
        workflows.map((workflow) => {
          const starts = startsOf(workflow, addresses).map((line) => `    ${line}\n`);
          return [workflow.name, `  ${workflow.name} (${fileOf.get(workflow.name)})\n${starts.join("")}`];
        }),
      );
      const changed = [...now].filter(([name, text]) => known.get(name) !== text).map(([, text]) => text);
      for (const text of changed) say(visible(text));
      if (!explained && changed.some((text) => text.includes(addresses.senderUrl))) {
        explained = true;
        say(
          `${addresses.senderUrl} acts as GitHub, Flux and the clock: it signs what you send, and starts the workflow.\n`,
        );
      }
      for (const name of known.keys()) if (!now.has(name) && broken.length === 0) say(`  ${name} is gone\n`);
      known = now;
    },
    problems(): void {
      const { broken, warnings } = app.loaded;
      for (const { file, problems } of broken) {
        say(`Broken: ${oneLine(file)}. The other workflows run.`);
        for (const each of problems) say(`  ${oneLine(each)}`);
      }
      if (broken.length > 0) say("");
      else if (wasBroken) say("All files are valid again.\n");
      wasBroken = broken.length > 0;
      const notSet = [...addresses.missing].map((name) => `${name} is not set: workflows get a made-up value`);
      const now = new Set([...warnings, ...notSet]);
      for (const each of now) if (!warned.has(each)) say(`Warning: ${oneLine(each)}`);
      warned = now;
    },
  };
}

/** Hides the log records of the start, because they repeat what is printed anyway. */
async function quietAtFirst(): Promise<{ write(line: string): void; speak(): void }> {
  const destination = process.stdout.isTTY ? await terminalDestination() : process.stdout;
  let speaks = false;
  return {
    write: (line) => void (speaks && destination.write(line)),
    speak() {
      speaks = true;
    },
  };
}

async function openStandIn() {
  const { startDevGitHub } = await import("../../sandbox/dev-github.ts").catch((cause) => {
    throw new CommandError("The stand-in GitHub is missing here: use the npm package gh-runner, or a checkout.", {
      cause,
    });
  });
  return startDevGitHub((line) => say(oneLine(line)));
}

/** How many ports are tried. */
const MOST_PORTS = 20;

/** The wanted port of 127.0.0.1, or the next free one. 0: any. */
async function freePort(wanted: number): Promise<number> {
  for (let port = wanted; port < wanted + MOST_PORTS; port++) {
    const server = createServer();
    try {
      server.listen(port, "127.0.0.1");
      await once(server, "listening");
      return (server.address() as { port: number }).port;
    } catch (error) {
      if ((error as { code?: string }).code !== "EADDRINUSE") throw error;
    } finally {
      server.close();
    }
  }
  throw new CommandError(`All ports from ${wanted} to ${wanted + MOST_PORTS - 1} are in use: set PORT to a free one.`);
}
