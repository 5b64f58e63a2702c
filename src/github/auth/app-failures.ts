import { type Failure, PermanentFailure } from "../../model/failure.ts";
import { appVariables, SERVICE_APP } from "../../model/identity.ts";
import type { Answer } from "../answer.ts";
import { type Attempted, failureOf, whatCame } from "../failures.ts";
import type { Need } from "./credentials.ts";

/**
 * Turns GitHub's rejection of an App into a failure. Anything that is not special to Apps fails like any other request.
 */
export function appFailureOf(
  attempted: Attempted,
  answer: Answer,
  context: { apiUrl: string; app?: string | undefined },
): Failure {
  const remedy = remedyFor(attempted, answer, appVariables(context.app ?? SERVICE_APP));
  if (remedy === undefined) return failureOf(attempted, answer, context);
  return new PermanentFailure({ tried: attempted.tried, happened: whatCame(answer), remedy });
}

/** Whether GitHub does not know the App, with status 401 or 404. */
export function isUnknownApp({ message }: Answer): boolean {
  return /integration not found|'iss'/i.test(message);
}

function remedyFor(
  need: Need,
  answer: Answer,
  { id, privateKey }: ReturnType<typeof appVariables>,
): string | undefined {
  const { status, message } = answer;
  const { repository, permission } = need;
  if (isUnknownApp(answer)) {
    return `GitHub knows no App with this id: set ${id} to the App ID or the client ID in the App's settings.`;
  }
  if (status === 401 && /'(?:iat|exp)'/.test(message)) {
    return "The clock is wrong: synchronize the clock of this machine.";
  }
  if (status === 401) {
    return `${privateKey} is not a key of the App with ${id}, or was deleted: take both from the App's settings.`;
  }
  if (status === 404) return installationRemedy(need);
  if (status !== 422) return undefined;
  return /permission/i.test(message)
    ? `Give the GitHub App "${permission}" in its settings, then accept it in the settings of ${ownerOf(need)}.`
    : `Select ${repository} in the installation of the GitHub App on ${ownerOf(need)}. If the repository was renamed, use its current name.`;
}

/** A request needs a permission that the workflow does not declare. */
export function notPermitted({ tried, repository }: Need, lacking: readonly string[]): Failure {
  const either = lacking.join(" or ");
  return new PermanentFailure({
    tried: tried ?? `getting a token of the GitHub App for ${repository}`,
    happened: `the workflow's \`permissions\` lack ${either}, which this request needs`,
    remedy: `Add ${either} to them, or remove the call.`,
  });
}

/**
 * The workflow declares permissions that the App does not have.
 * @param lacking empty if GitHub has granted them since.
 */
export function notGranted(attempted: Attempted, answer: Answer, lacking: readonly string[]): Failure {
  const names = lacking.length > 0 ? lacking.join(", ") : "what the workflow's `permissions` name";
  const owner = ownerOf(attempted);
  return new PermanentFailure({
    tried: attempted.tried,
    happened: whatCame(answer),
    remedy: `Give the GitHub App ${names} in its settings, then accept it in the settings of ${owner}; or remove it from the workflow's \`permissions\`.`,
  });
}

/** The installation no longer exists, or GitHub names one that gives no tokens. */
export function notInstalled(need: Need): Failure {
  return new PermanentFailure({
    tried: `getting a token of the GitHub App for ${need.repository}`,
    happened: "GitHub does not know the installation that it names",
    remedy: installationRemedy(need),
  });
}

function installationRemedy(need: Need): string {
  return `Install the GitHub App on ${ownerOf(need)} and select ${need.repository}. Also check the name.`;
}

function ownerOf({ repository }: Need): string {
  return repository.split("/")[0] ?? "";
}
