import { setTimeout as wait } from "node:timers/promises";
import { checkGitHub } from "../github/checks/check-github.ts";
import type { Checked } from "../github/checks/checked.ts";
import { checkPauses } from "../github/checks/limits.ts";
import { checkWebhooks } from "../github/checks/webhooks.ts";
import { checkTargetWorkflow } from "../github/checks/workflow.ts";
import { type OpenGitHub, openGitHub } from "../github/open-github.ts";
import { proxyFor } from "../github/proxy.ts";
import { type Check, ok, problem, warning } from "../model/check.ts";
import { systemClock } from "../model/clock.ts";
import { hasCredentials } from "../model/identity.ts";
import { NOTHING_KEPT } from "../model/limits.ts";
import { unobserved } from "../model/observer.ts";
import { unchanging } from "../model/renewable.ts";
import { reportOf } from "../model/report.ts";
import type { Secrets } from "../model/secrets.ts";
import { GITHUB_WEBHOOK_PATH } from "../model/webhooks.ts";
import type { Workflow } from "../model/workflow.ts";
import { knownSecrets } from "../observe/secrets.ts";
import { checkNotices, sendTestNotices } from "./check-notices.ts";
import { checkSignIn } from "./check-sign-in.ts";
import { checkCredentials, workflowsForChecks } from "./check-workflows.ts";
import { type Config, inspectConfig } from "./config/config.ts";
import { webhookOwners } from "./missed-webhooks.ts";
import { storedMark, storedPauses } from "./open-store.ts";
import { VERSION } from "./version.ts";
import {
  checksWithoutApp,
  defaultRepositories,
  followWarnings,
  plainHttp,
  reportsWithoutLink,
  repositories,
} from "./warnings.ts";
import { keptMs, markOf } from "./webhook-source.ts";
import { mayWantWebhooks } from "./workflows.ts";

/**
 * Checks the settings and their effects, with one result per check. Sends only reads to GitHub, except that an App
 * requests its tokens.
 * @param environment the process's environment by default.
 * @param options.notify also sends a test notice to every receiver.
 */
export async function checkSettings(
  environment?: Readonly<Record<string, string | undefined>>,
  { notify = false } = {},
): Promise<Check[]> {
  const { config, problems } = inspectConfig(environment);
  const wrong = new Set(problems.map(nameIn));
  const settings = [
    ...problems.map((text) => problem("settings", text, `Fix ${nameIn(text)}: docs/configuration.md.`)),
    ...(problems.length === 0 ? [ok("settings", "all are valid")] : []),
    ...config.nearSettings.map((near) =>
      warning("settings", near.warning, "Rename it. If a workflow reads it, keep it."),
    ),
  ];
  if (NEEDED_TO_ASK.some((name) => wrong.has(name))) return settings;

  const isSure = !wrong.has("DEPLOYMENT_REPO") && !wrong.has("TARGET_REPO");
  const proxy = proxyFor(config.github.apiUrl, config.github);
  const secrets = knownSecrets(config.secrets);
  const { scrub } = secrets;
  const gitHub = await gitHubOnly(config, secrets);
  try {
    const { workflows: all, loaded, checks: files } = await workflowsForChecks(config, secrets);
    const reporting = all.filter(({ report }) => report !== undefined);
    const found = await checkGitHub({
      apiUrl: config.github.apiUrl,
      github: gitHub.inspection,
      hasCredential: config.github.hasCredential,
      deploymentRepo: wrong.has("DEPLOYMENT_REPO") ? undefined : config.workflows.deploymentRepo,
      targetRepo: wrong.has("TARGET_REPO") ? undefined : config.workflows.targetRepo,
      deploymentRef: config.workflows.deploymentRef,
      eventType: config.workflows.eventType,
      targetWorkflow: config.workflows.targetWorkflow,
      follow: config.workflows.follow,
      reports: reporting.flatMap((workflow) => reportAsService(workflow)),
    });
    const workflows = loaded ? await checkCredentials(config, gitHub, loaded) : [];
    const webhooks = isSure ? await checkMissedWebhooks(config, gitHub) : [];
    const stored = STORE.some((name) => wrong.has(name)) ? [] : await checkStore(config);
    const reports = [
      ...[...followWarnings(config), ...reportsWithoutLink(config, reporting)].map(({ text, remedy }) =>
        warning("reports", text, remedy),
      ),
      ...checksWithoutApp(config, reporting).map(({ text, remedy }) => problem("reports", text, remedy)),
    ];
    const receivers = loaded ?? { workflows: [], addresses: {} };
    const notices = [
      ...checkNotices(config, receivers),
      ...(notify ? await sendTestNotices(config, receivers, secrets) : []),
    ];
    const plain = plainHttp(config, loaded?.addresses).map((text) =>
      warning("encryption", text, "Use https: in that setting."),
    );
    const checks = [
      ...settings,
      ...(isSure ? [repositoryCheck(config)] : []),
      ...plain,
      ...secretsInFiles(config),
      ok("proxy", proxy ?? "none: requests to GitHub go directly"),
      ...found,
      ...files,
      ...reports,
      ...notices,
      ...(await checkSignIn(config)),
      ...workflows,
      ...webhooks,
      ...stored,
    ];
    return checks.map((each) => ({ ...each, message: scrub(each.message), remedy: each.remedy && scrub(each.remedy) }));
  } finally {
    await gitHub.close();
  }
}

/** What a dry run does not show: whether the tests can be followed. Empty if they can. */
export async function checkTests(config: Config): Promise<readonly Check[]> {
  const { follow, targetWorkflow, targetRepo } = config.workflows;
  if (follow.length === 0 && targetWorkflow === undefined) return [];
  const { scrub, ...secrets } = knownSecrets(config.secrets);
  const gitHub = await gitHubOnly(config, { scrub, ...secrets });
  try {
    const checks = await checkTargetWorkflow({ github: gitHub.inspection, ...config.workflows }, targetRepo);
    return checks
      .filter(({ status }) => status !== "ok")
      .map((each) => ({ ...each, message: scrub(each.message), remedy: each.remedy && scrub(each.remedy) }));
  } finally {
    await gitHub.close();
  }
}

/** The report that a workflow makes with the service's credentials; none if it has other credentials. */
function reportAsService(workflow: Workflow): Checked["reports"] {
  const report = reportOf(workflow);
  return report && !hasCredentials(workflow) ? [{ workflow: workflow.name, as: report.as }] : [];
}

function repositoryCheck(config: Config): Check {
  const { target, deployment } = repositories(config.workflows);
  const message = `events go to ${target}, values files come from ${deployment}`;
  const remedies = defaultRepositories(config.workflows);
  if (remedies.length === 0) return ok("repositories", message);
  return warning(
    "repositories",
    message,
    `${remedies.join("; ")}. Set ${remedies.length > 1 ? "both, even if you keep these values" : "it, even if you keep this value"}.`,
  );
}

/** Checks whether the service can later read the webhooks that it misses while it is down. */
async function checkMissedWebhooks({ auth, github, http, store, workflows }: Config, { inspection }: OpenGitHub) {
  const { owners, isNamed } = webhookOwners({ github, workflows });
  if (auth.webhookSecrets.length === 0 || owners.length === 0 || !github.hasCredential) return [];
  if (!mayWantWebhooks(workflows)) return [];
  const readUntil = new Map<string, number>();
  for (const owner of owners) {
    const mark = await storedMark(store, markOf(owner)).catch(() => undefined);
    const readAt = (mark as { readAt?: unknown } | undefined)?.readAt;
    if (typeof readAt === "number") readUntil.set(owner, readAt);
  }
  return checkWebhooks(
    { github: inspection, apiUrl: github.apiUrl },
    {
      ...{ owners, readUntil, keptMs: keptMs(github.apiUrl) },
      wanted: { publicUrl: http.publicUrl, path: GITHUB_WEBHOOK_PATH, isNamed },
      repositories: [workflows.targetRepo, workflows.deploymentRepo],
    },
  );
}

const STORE = ["DATA_DIR", "DATABASE_URL", "DATABASE_PASSWORD", "DATABASE_SCHEMA"];

/** The pauses that the service has stored, whether it runs or not. */
async function checkStore(config: Config): Promise<Check[]> {
  try {
    return checkPauses(config.github, await storedPauses(config.store), Date.now());
  } catch (error) {
    return [
      warning(
        "store",
        `cannot read whether GitHub has asked the service to pause: ${(error as Error).message}`,
        "Run this command where the service runs, as its user and with its settings.",
      ),
    ];
  }
}

/** Lists the secrets in files. A problem with a file is reported with its setting. */
function secretsInFiles({ source }: Config): readonly Check[] {
  const names = [...source.reader.files.keys()];
  return names.length === 0
    ? []
    : [ok("secrets", `read from files, and reloaded when they change: ${names.join(", ")}`)];
}

/** GitHub with the service's settings, without the service and its store. */
function gitHubOnly({ github, workflows }: Config, secrets: Secrets): Promise<OpenGitHub> {
  return openGitHub({
    settings: unchanging(github),
    targetRepo: workflows.targetRepo,
    userAgent: `gh-runner/${VERSION}`,
    hide: secrets.guard,
    brief: secrets.brief,
    limitLog: NOTHING_KEPT,
    clock: systemClock,
    observe: unobserved,
    wait: async (ms) => void (await wait(ms)),
    onPause: () => {},
    timeoutMs: ANSWER_MS,
    retriesMs: [],
  });
}

/** GitHub ends a request after 10 s, and a person waits at a terminal. */
const ANSWER_MS = 12_000;

/** If one of these is invalid, doctor cannot ask GitHub what the service would ask. */
const NEEDED_TO_ASK = [
  "GITHUB_API_URL",
  "GITHUB_TOKEN",
  "GITHUB_APP_ID",
  "GITHUB_APP_PRIVATE_KEY",
  "HTTPS_PROXY",
  "HTTP_PROXY",
];

function nameIn(text: string): string {
  return text.split(":", 1)[0] ?? "";
}
