import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { systemClock } from "../src/model/clock.ts";
import { startApp } from "../src/service/app.ts";
import { readConfig } from "../src/service/config/config.ts";
import { openSqliteStore } from "../src/store/sqlite/store.ts";
import { writeHistory } from "./demo-history.ts";
import { scriptTests, sendTraffic } from "./demo-traffic.ts";
import { startGitHub } from "./github.ts";
import { type SeededEnvironment, seedEnvironments } from "./seed.ts";

/**
 * `npm run demo`: a stand-in GitHub with three preview environments, and the service in front of it. It sends three
 * notifications as ArgoCD would, prints their results, and keeps running with a page to look at, a day of made-up
 * history and a little traffic. With `FOLLOW=status` it follows the tests, which take some seconds, and reports on
 * commits. With `--once` it ends after the three notifications. Exit code 1 means that an answer or an event was not
 * the expected one.
 */
const { values: flags } = parseArgs({ options: { once: { type: "boolean", default: false } } });
const deploymentRepo = "acme/deployment";
const targetRepo = "acme/shop";
const token = "demo-token-of-no-value";
const port = process.env.PORT || "9555";
const folder = mkdtempSync(join(tmpdir(), "gh-runner-demo-"));
const write = (text = "") => process.stdout.write(`${text}\n`);

const secret = "webhook-secret-of-no-value";
const { FOLLOW } = process.env;
const following = FOLLOW ? { FOLLOW, GITHUB_WEBHOOK_SECRET: secret, PUBLIC_URL: `http://localhost:${port}` } : {};

const github = await startGitHub({ limits: { primaryPerHour: 5000 } });
github.token(token);
scriptTests(github);
const environments = seedEnvironments(github, { deploymentRepo, targetRepo });

try {
  if (!flags.once) {
    const store = openSqliteStore(folder, systemClock);
    await writeHistory(store, Date.now());
    await store.close();
  }
  const app = await startApp(
    readConfig({
      PORT: port,
      DATA_DIR: folder,
      GITHUB_API_URL: github.url,
      GITHUB_TOKEN: token,
      DEPLOYMENT_REPO: deploymentRepo,
      TARGET_REPO: targetRepo,
      ...following,
    }),
    { logTo: { write: () => {} } },
  );
  if (FOLLOW)
    github.hook(targetRepo, `${app.url}/webhooks/github`, { secret, events: ["workflow_run", "pull_request"] });
  write(`A stand-in GitHub answers at ${github.url}, gh-runner at ${app.url}.`);

  const [light, heavy, third] = environments as [SeededEnvironment, SeededEnvironment, SeededEnvironment];
  let ok = true;
  ok = (await notify(app.url, light.application, light.commit)) && ok;
  ok = (await notify(app.url, heavy.application, heavy.commit)) && ok;
  ok = (await notify(app.url, "monitoring", undefined)) && ok;

  if (!flags.once) {
    const url = app.url.replace("127.0.0.1", "localhost");
    write(`\nSee all runs: a day of made-up history, and new runs every few seconds:\n\n  ${url}/\n`);
    write("Press Ctrl-C to stop. Try another environment:\n");
    write(`  curl -d '{"application":"${third.application}"}' ${url}/dispatch\n`);
    const stop = new AbortController();
    const names = environments.map(({ application }) => application);
    const traffic = sendTraffic(app.url, github, names, stop.signal);
    await Promise.race([once(process, "SIGINT"), once(process, "SIGTERM")]);
    stop.abort();
    await traffic;
  }
  await app.close();
  process.exitCode = ok ? 0 : 1;
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`);
  process.exitCode = 1;
} finally {
  await github.close();
  rmSync(folder, { recursive: true, force: true });
}

/** Sends one notification and prints its result. Returns whether that result is the expected one. */
async function notify(url: string, application: string, commit: string | undefined): Promise<boolean> {
  const before = github.dispatches.length;
  const body = `${JSON.stringify({ application })}\n`;
  const response = await fetch(`${url}/dispatch`, { method: "POST", body });
  const answer = await response.text();
  const event = github.dispatches[before];

  write(`\nPOST /dispatch  ${body.trim()}`);
  write(`  answer        ${response.status} ${answer}`);
  write(
    event
      ? `  GitHub got    ${event.eventType} for ${event.repo}: ${JSON.stringify(event.payload)}`
      : "  GitHub got    nothing",
  );
  return response.status === 200 && event?.payload.commitHash === commit;
}
