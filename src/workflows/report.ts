import { createHash } from "node:crypto";
import type { GitHub, RunContext } from "../index.ts";
import type { Preview, Pull, Report } from "./preview-input.ts";
import type { Result } from "./result.ts";
import { commentOf, summaryOf } from "./summary.ts";

type Place = {
  readonly preview: Preview;
  /** The full hash of the commit. Null if it is not known: then nothing can be shown on it. */
  readonly sha: string | null;
  readonly pull: Pull | null;
  readonly runUrl: string | undefined;
  readonly argocdUrl: string | undefined;
};

/** Options that are the same for all previews that a workflow follows. */
export type PreviewTestsOptions = {
  /** Must be unique in a service. "preview-tests" by default. */
  readonly name?: string | undefined;
  /**
   * Name of the variable with the GitHub token, the same as in the `environmentReady` that it follows. Without it, the
   * service's credentials are used.
   */
  readonly githubToken?: string | undefined;
  /** The same for a GitHub App: `BOT` stands for the variables BOT_ID and BOT_PRIVATE_KEY. */
  readonly githubApp?: string | undefined;
  /** The public address of the service, PUBLIC_URL: for links to its runs. */
  readonly publicUrl?: string | undefined;
  /** The public address of ArgoCD: for links to its applications. */
  readonly argocdUrl?: string | undefined;
};

/** The links of all reports of a run. */
export function linksOf({ runId }: Pick<RunContext, "runId">, { publicUrl, argocdUrl }: PreviewTestsOptions) {
  return { runUrl: publicUrl && `${publicUrl}/runs/${runId}`, argocdUrl };
}

type Means = Pick<RunContext, "step" | "log"> & { readonly github: Pick<GitHub, Report> };

/**
 * Reports how the tests of a preview stand, in all selected places. A place where reporting fails, for example without
 * a permission, gives a warning, and the other reports are still written. After that, a passing fault is thrown, so
 * that the report is retried later.
 */
export function reporting({ github, step, log }: Means, place: Place) {
  const notReported = new Set<string>();
  const writers = writersOf(github, place);

  async function write(result: Result): Promise<readonly string[]> {
    const failed: string[] = [];
    let passing: unknown;
    for (const report of place.preview.follow) {
      try {
        await writers[report](result);
      } catch (error) {
        if (timeMayHelp(error)) passing ??= error;
        else failed.push(`${report}: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
    if (passing !== undefined) throw passing;
    for (const each of failed) log.warn(`not reported as ${each}`);
    return failed;
  }

  return {
    /** Each name once in a run. */
    async report(name: string, result: Result): Promise<void> {
      for (const each of await step(name, () => write(result))) notReported.add(each);
    },
    /** What could not be reported so far: where and why. */
    notReported: (): readonly string[] => [...notReported],
  };
}

/** Compares the name, not the class: a workflow under test may use another copy of this module. */
export function timeMayHelp(error: unknown): boolean {
  return error instanceof Error && ["TransientFailure", "LimitReached"].includes(error.name);
}

/** One of each per preview. The key distinguishes several applications and several services. */
function writersOf(
  github: Pick<GitHub, Report>,
  { preview, sha, pull, runUrl, argocdUrl }: Place,
): Readonly<Record<Report, (result: Result) => Promise<void>>> {
  const { repository, application, commit, context } = preview;
  const environmentUrl = filledIn(preview.environmentUrl, application);
  const about = { application, commit, runUrl, argocdUrl: argocdPage(argocdUrl, application), environmentUrl };
  const key = keyOf(`${context}/${application}`);
  const linkOf = ({ actionsUrl }: Result) => actionsUrl ?? runUrl;
  const none = async () => {};
  if (sha === null) return { status: none, check: none, comment: none, deployment: none };
  return {
    status: (result) =>
      github.status({
        ...{ repository, sha, context },
        ...{ state: result.state, description: result.text, targetUrl: linkOf(result) },
      }),
    check: (result) =>
      github.check({
        ...{ repository, sha, name: context, key },
        ...checkState(result),
        ...{ title: result.text, summary: summaryOf(about, result), detailsUrl: linkOf(result) },
      }),
    // A commit that was merged long ago may also be deployed.
    comment: async (result) => {
      if (pull?.state !== "open") return;
      await github.comment({ repository, number: pull.number, key, body: commentOf(about, result) });
    },
    deployment: (result) =>
      github.deployment({
        ...{ repository, sha, environment: application, key },
        ...{ state: deploymentState(result), description: result.text },
        ...{ environmentUrl: result.isObsolete ? undefined : environmentUrl, logUrl: linkOf(result) },
      }),
  };
}

const CONCLUSIONS = ["success", "failure", "neutral", "cancelled", "skipped", "timed_out", "action_required"] as const;

function checkState(result: Result) {
  if (result.state === "pending") {
    return { status: result.actionsUrl === undefined ? "queued" : "in_progress" } as const;
  }
  const same = CONCLUSIONS.find((each) => each === result.ended?.conclusion);
  return { status: "completed", conclusion: same ?? (result.isObsolete ? "cancelled" : "failure") } as const;
}

function deploymentState({ state, isObsolete }: Result) {
  return isObsolete ? "inactive" : state === "pending" ? "in_progress" : state;
}

function filledIn(template: string | undefined, application: string): string | undefined {
  return template?.replaceAll("{application}", () => encodeURIComponent(application));
}

/** A text with only the characters that a key may have, different for every text. */
export function keyOf(text: string): string {
  const key = text.replace(/[^A-Za-z0-9./-]/gu, (character) => `_${character.codePointAt(0)?.toString(16)}_`);
  return key.length <= MAX_KEY_CHARACTERS ? key : `sha256-${createHash("sha256").update(text).digest("hex")}`;
}

const MAX_KEY_CHARACTERS = 100;

/** The same link as on the dashboard. Undefined for a name that no ArgoCD application can have. */
function argocdPage(argocdUrl: string | undefined, application: string): string | undefined {
  if (argocdUrl === undefined || !/^(?!\.+$)[\w.-]{1,253}$/.test(application)) return undefined;
  return `${argocdUrl}/applications/${application}`;
}
